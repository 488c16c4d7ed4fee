// How a Git repository is written: https://…, ssh://…, user@host:path, or file:///… in a mounted claim. Nothing else: other forms
// (`ext::…`) run programs.

import { finalFailure, success } from './failure.ts';
import type { Outcome } from './failure.ts';
import { quote } from './text.ts';

/** Where a repository is. `shown` is for people, status and logs. */
export type GitAddress =
  | { readonly kind: 'http'; readonly url: URL; readonly shown: string }
  | {
      readonly kind: 'ssh';
      readonly user: string;
      readonly host: string;
      readonly port: number;
      readonly path: string;
      readonly shown: string;
    }
  /** `path` is relative to the claim's root, '' for the root itself. */
  | { readonly kind: 'file'; readonly path: string; readonly shown: string };

const MAX_CHARACTERS = 512;
const SSH_PORT = 22;
const USER = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;
const HOST = /^([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$/;
/** `user@host:path`; with a slash before the colon it would be a path, with two slashes behind it a URL. */
const SCP_FORM = /^([^@:/\s]+)@(\[[^\]]+\]|[^@:/\s]+):(?!\/\/)(\S+)$/;
const WITH_CREDENTIALS = 'holds a password, which everybody can read there. Put it into a Secret, and name that in spec.access.secretRef.';

/** Reads the address in `field` ('spec.source.git.repository'). Fails with InvalidSource. */
export function parseGitAddress(text: string, field: string): Outcome<GitAddress> {
  const invalid = (problem: string): ReturnType<typeof finalFailure> => finalFailure('InvalidSource', `${field} ${problem}`);
  if (text.length > MAX_CHARACTERS) return invalid(`is longer than ${MAX_CHARACTERS} characters.`);
  if (!/^[\x21-\x7e]+$/.test(text))
    return invalid('is empty or holds spaces, control or non-ASCII characters. Write those as %20, %c3%a4.');
  const scp = SCP_FORM.exec(text);
  if (scp !== null && !/^[a-z][a-z0-9+-]*::/i.test(text)) {
    const [, user = '', host = '', path = ''] = scp;
    return sshAddress({ user, host, port: SSH_PORT, path, shown: text }, invalid);
  }
  const url = URL.parse(text);
  switch (url?.protocol) {
    case 'http:':
    case 'https:': {
      if (url.username !== '' || url.password !== '') return invalid(WITH_CREDENTIALS);
      if (url.search !== '' || url.hash !== '') return invalid("must end with the repository's path, without '?' and '#'.");
      if (url.pathname === '/') return invalid('names a server, but no repository on it.');
      const shown = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
      return success({ kind: 'http', url: new URL(shown), shown });
    }
    case 'ssh:': {
      if (url.password !== '') return invalid(WITH_CREDENTIALS);
      const path = decode(url.pathname);
      if (path === undefined || url.search !== '' || url.hash !== '')
        return invalid("must end with the repository's path, without '?' and '#'.");
      const port = url.port === '' ? SSH_PORT : Number(url.port);
      const user = url.username === '' ? 'git' : url.username;
      return sshAddress({ user, host: url.hostname, port, path: path.replace(/^\/~/, '~'), shown: text }, invalid);
    }
    case 'file:': {
      const path = decode(url.pathname);
      if (url.host !== '' || path === undefined || url.search !== '' || url.hash !== '') {
        return invalid('must be file:/// and the path of the repository in the claim.');
      }
      return success({ kind: 'file', path: path.replace(/^\/+|\/+$/g, ''), shown: `file://${url.pathname}` });
    }
    default:
      return invalid(`is ${quote(text)}. It must begin with https://, http://, ssh:// or file:///, or be of the form user@host:path.`);
  }
}

/** The address as a URL, whichever way it was written; a host and a path alone do not make one (`git@host:path`). */
export function addressUri(address: GitAddress): string {
  if (address.kind !== 'ssh') return address.shown;
  const { user, host, port, path } = address;
  const place = `${host.includes(':') ? `[${host}]` : host}${port === SSH_PORT ? '' : `:${port}`}`;
  return `ssh://${user}@${place}/${path.replace(/^\/+/, '')}`;
}

type SshAddress = Extract<GitAddress, { kind: 'ssh' }>;

function sshAddress(parts: Omit<SshAddress, 'kind'>, invalid: (problem: string) => ReturnType<typeof finalFailure>): Outcome<GitAddress> {
  const { user, host, path } = parts;
  if (!USER.test(user)) return invalid(`has the user name ${quote(user)}; letters, digits, '.', '_' and '-' are allowed.`);
  if (!HOST.test(host)) return invalid(`has the host ${quote(host)}, which is neither a host name nor an address.`);
  if (path === '' || path === '/') return invalid('names a server, but no repository on it.');
  // Program names of servers take what begins with a dash for an option.
  if (path.startsWith('-') || /[\x00-\x1f\x7f]/.test(path)) return invalid(`has the path ${quote(path)}, which no repository can have.`);
  return success({ ...parts, kind: 'ssh', host: host.replace(/^\[|\]$/g, '') });
}

function decode(path: string): string | undefined {
  try {
    const decoded = decodeURIComponent(path);
    return decoded.includes('\0') ? undefined : decoded;
  } catch {
    return undefined;
  }
}
