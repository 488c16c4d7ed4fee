// A real SSH server as a process like any other: it takes one key for the user `git`, and runs what it is asked to.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { run } from '../../deploy/local/images/command.ts';
import { installed, unpacked } from './debian.ts';

export interface SshServer {
  readonly port: number;
  /** Private keys: one that it takes, and one that it does not. */
  readonly key: string;
  readonly otherKey: string;
  /** The line for known_hosts, and one for another host key. */
  readonly knownHosts: string;
  readonly otherKnownHosts: string;
  /** Folder whose programs come first in the path of those who log in. */
  readonly bin: string;
  readonly stop: () => Promise<void>;
}

export interface SshServerOptions {
  /** Passes on no wish for a version of Git's protocol. */
  readonly isOld?: boolean;
  /** Address to listen on; 127.0.0.1 by default. */
  readonly address?: string;
}

/** Starts it on a free port. */
export async function startSshd({ isOld = false, address = '127.0.0.1' }: SshServerOptions = {}): Promise<SshServer> {
  await installed(['git', 'openssh-client']);
  const { path, env } = await unpacked(['openssh-server', 'libwrap0', 'libnss-wrapper']);
  const folder = await mkdtemp(join(tmpdir(), 'plimsoll-sshd-'));
  for (const name of ['host', 'other-host', 'key', 'other-key']) {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(folder, name)]);
  }
  const bin = join(folder, 'bin');
  await mkdir(bin);
  // Where it shuts itself in while a client is not known yet, when it is root.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  await writeFile(
    join(folder, 'passwd'),
    `git:x:${uid}:${gid}:git:${folder}:/bin/sh\nsshd:x:65533:65533:sshd:/nonexistent:/usr/sbin/nologin\n`,
  );
  await writeFile(join(folder, 'group'), `git:x:${gid}:\n`);
  const port = await freePort(address);
  const settings = [
    `Port ${port}`,
    `ListenAddress ${address}`,
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/key.pub`,
    'StrictModes no',
    'UsePAM no',
    'PidFile none',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    ...(isOld ? [] : ['AcceptEnv GIT_PROTOCOL']),
    `SetEnv PATH=${bin}:/usr/bin:/bin`,
  ];
  await writeFile(join(folder, 'sshd_config'), settings.map((line) => `${line}\n`).join(''));
  const wrapper = {
    LD_PRELOAD: path('usr/lib/x86_64-linux-gnu/libnss_wrapper.so'),
    NSS_WRAPPER_PASSWD: join(folder, 'passwd'),
    NSS_WRAPPER_GROUP: join(folder, 'group'),
  };
  const child = spawn(path('usr/sbin/sshd'), ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    env: { PATH: '/usr/bin:/bin', ...env, ...wrapper },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  await listening(port, address);
  const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const lineOf = async (name: string): Promise<string> => `[${address}]:${port} ${(await text(`${name}.pub`)).trim()}\n`;
  return {
    port,
    key: await text('key'),
    otherKey: await text('other-key'),
    knownHosts: await lineOf('host'),
    otherKnownHosts: await lineOf('other-host'),
    bin,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(address: string): Promise<number> {
  const server = createServer();
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function listening(port: number, address: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const socket = createConnection(port, address);
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (tries === 200) throw new Error('sshd did not start', { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      socket.destroy();
    }
  }
}
