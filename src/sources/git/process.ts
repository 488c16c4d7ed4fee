// Git over SSH and in a mounted claim: a program, `ssh` or `git` itself, is the other end of the conversation.

import type { FileHandle } from 'node:fs/promises';

import { finalFailure, passingFailure } from '../../core/version/failure.ts';
import type { Failure } from '../../core/version/failure.ts';
import type { GitAddress } from '../../core/version/gitAddress.ts';
import type { Access } from '../access.ts';
import { addressOf } from '../address.ts';
import { errorOf, valueOf } from '../error.ts';
import { namelessFile } from '../localFile.ts';
import { interrupted } from '../request.ts';
import type { SourceContext } from '../source.ts';
import { cause, ENVIRONMENT, gitCommand, start, type Command } from './program.ts';
import type { Wire } from './wire.ts';

export interface FileRepository {
  readonly folder: string;
  readonly shown: string;
  readonly field: string;
}

/** A wire to a repository in a folder, by a server of our own. */
export function fileWire({ folder, shown, field }: FileRepository): Wire {
  return (requests, context) => {
    const command = gitCommand({ arguments: ['upload-pack', '--', folder] }, context.spool);
    const version2 = { ...command, env: { ...command.env, GIT_PROTOCOL: 'version=2' } };
    return converse(version2, requests, context, () => finalFailure('NotFound', `${shown} is no Git repository. Check ${field}.`).failure);
  };
}

export interface SshRepository {
  readonly address: Extract<GitAddress, { kind: 'ssh' }>;
  readonly access: Access;
  readonly field: string;
}

/** A wire to a repository on a server that is reached by SSH. */
export function sshWire(repository: SshRepository): Wire {
  const remote = `git-upload-pack ${quoted(repository.address.path)}`;
  return async function* overSsh(requests, context) {
    const { command, close } = await sshCommand(repository, remote, context);
    try {
      yield* converse(command, requests, context, (words) => sshFailure(repository, words));
    } finally {
      await close();
    }
  };
}

/** A word for the shell of the server, as `git` itself writes it. */
export function quoted(word: string): string {
  return `'${word.replace(/['!]/g, (character) => `'\\${character}'`)}'`;
}

/**
 * How `ssh` is started: with no configuration but this, to the address that was looked up and found good, and only to a host whose key the
 * Secret holds. Key and known hosts are in files without names, which end with this process.
 */
async function sshCommand(
  { address, access, field }: SshRepository,
  remote: string,
  context: SourceContext,
): Promise<{ readonly command: Command; readonly close: () => Promise<void> }> {
  const { ssh } = access;
  if (ssh === undefined) {
    const wanted = 'a Secret with ssh-privatekey and known_hosts, named in spec.access.secretRef';
    throw errorOf(finalFailure('AccessDenied', `${address.shown} is reached by SSH, which needs ${wanted}. Check ${field}.`));
  }
  const ip = valueOf(await addressOf(address.host, address.shown, context));
  const [key, hosts] = await Promise.all([secret(ssh.privateKey, context), secret(ssh.knownHosts, context)]);
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const seconds = (milliseconds: number): number => Math.max(1, Math.round(milliseconds / 1000));
  const options = {
    HostName: ip,
    HostKeyAlias: address.port === 22 ? address.host : `[${address.host}]:${address.port}`,
    IdentityFile: pathOf(key),
    UserKnownHostsFile: pathOf(hosts),
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    UpdateHostKeys: 'no',
    CheckHostIP: 'no',
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    PreferredAuthentications: 'publickey',
    ClearAllForwardings: 'yes',
    PermitLocalCommand: 'no',
    ProxyCommand: 'none',
    ControlPath: 'none',
    SendEnv: 'GIT_PROTOCOL',
    ConnectTimeout: seconds(context.timeouts.connectMs),
    ServerAliveInterval: seconds(context.timeouts.idleMs / 3),
    ServerAliveCountMax: 3,
  };
  const written = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const place = ['-p', String(address.port), '-l', address.user, '--', host, remote];
  const env = { PATH: ENVIRONMENT['PATH'] ?? '', LC_ALL: 'C', HOME: context.spool, GIT_PROTOCOL: 'version=2' };
  return {
    command: { program: 'ssh', arguments: ['-F', 'none', '-T', ...written, ...place], env, folder: context.spool },
    close: async () => {
      await Promise.all([key.close(), hosts.close()]);
    },
  };
}

const MOST_ANSWER_BYTES = 64 * 1024;

/** What a command on the server prints, at most 64 KiB. Throws a SourceError when it fails. */
export async function runOverSsh(repository: SshRepository, remote: string, context: SourceContext): Promise<string> {
  const { command, close } = await sshCommand(repository, remote, context);
  try {
    const running = start(command, context.signal);
    running.input.end();
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of running.output) {
      bytes += (chunk as Buffer).length;
      if (bytes <= MOST_ANSWER_BYTES) chunks.push(chunk as Buffer);
      else running.kill();
    }
    const { code, words } = await running.ended;
    if (context.signal.aborted) throw errorOf(interrupted(context.signal));
    if (code !== 0) throw errorOf({ failure: sshFailure(repository, words) });
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    await close();
  }
}

function secret(text: string, context: SourceContext): Promise<FileHandle> {
  return namelessFile(context.spool, oneChunk(text));
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* oneChunk(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from(text, 'utf8');
}

/** Where programs of this user can open a file of this process. */
function pathOf(file: FileHandle): string {
  return `/proc/${process.pid}/fd/${file.fd}`;
}

/** What is asked goes into the program, what it answers comes out. When it ends without one byte, `failed` says why. */
async function* converse(
  command: Command,
  requests: AsyncIterable<Buffer>,
  context: SourceContext,
  failed: (words: string) => Failure,
): AsyncGenerator<Buffer, void, undefined> {
  const running = start(command, context.signal);
  void feed(requests, running.input);
  let bytes = 0;
  try {
    for await (const chunk of running.output) {
      bytes += (chunk as Buffer).length;
      yield chunk as Buffer;
    }
    const { code, words } = await running.ended;
    if (context.signal.aborted) throw errorOf(interrupted(context.signal));
    if (code !== 0 && bytes === 0) throw errorOf({ failure: failed(words) });
  } finally {
    running.kill();
  }
}

async function feed(requests: AsyncIterable<Buffer>, input: NodeJS.WritableStream): Promise<void> {
  try {
    for await (const chunk of requests) input.write(chunk);
  } finally {
    input.end();
  }
}

/** What `ssh`, or the program on the server, means. */
function sshFailure({ address, field }: SshRepository, words: string): Failure {
  const { shown } = address;
  const said = cause(words) ?? 'it said nothing';
  if (/host key verification failed|host identification has changed|no .* host key is known/i.test(words)) {
    const wayOut =
      'Put the line that `ssh-keyscan` prints into known_hosts of that Secret, after comparing it with what its owners publish.';
    return finalFailure(
      'AccessDenied',
      `The host key of ${shown} is not one that known_hosts in the Secret of spec.access.secretRef holds. ${wayOut}`,
    ).failure;
  }
  if (/permission denied|authentication|too many authentication|load key|invalid format|sign_and_send/i.test(words)) {
    return finalFailure('AccessDenied', `${shown} did not take the key ssh-privatekey of the Secret of spec.access.secretRef (${said}).`)
      .failure;
  }
  if (/not found|does not appear to be a git repository|no such|does not exist/i.test(words)) {
    return finalFailure('NotFound', `${shown} is no Git repository that this key may read (${said}). Check ${field}.`).failure;
  }
  return passingFailure('SourceUnreachable', `${shown} could not be read by SSH (${said}).`).failure;
}
