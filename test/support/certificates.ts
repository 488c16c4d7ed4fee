// A certificate authority of a test's own, made by openssl.

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run } from '../../deploy/local/images/command.ts';

export interface Certificates {
  /** PEM, as everything here. */
  readonly ca: string;
  /** For 127.0.0.1 and localhost. */
  readonly server: Identity;
  readonly client: Identity;
}

interface Identity {
  readonly certificate: string;
  readonly key: string;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];

/** Makes an authority and what it signs, in a new folder below `folder`. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const cwd = await mkdtemp(join(folder, 'pki-'));
  const openssl = (...args: readonly string[]): Promise<string> => run('openssl', args, { cwd });
  await openssl('req', '-x509', ...NEW_KEY, '-subj', '/CN=test-authority', '-keyout', 'ca.key', '-out', 'ca.crt');
  const issue = async (name: string, usage: string): Promise<Identity> => {
    await writeFile(join(cwd, 'extensions'), `subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=${usage}\n`);
    await openssl('req', ...NEW_KEY.slice(0, -2), '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const sign = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-extfile', 'extensions'];
    await openssl('x509', '-req', '-in', `${name}.csr`, ...sign, '-out', `${name}.crt`);
    return { certificate: await readFile(join(cwd, `${name}.crt`), 'utf8'), key: await readFile(join(cwd, `${name}.key`), 'utf8') };
  };
  const server = await issue('server', 'serverAuth');
  const client = await issue('client', 'clientAuth');
  return { ca: await readFile(join(cwd, 'ca.crt'), 'utf8'), server, client };
}
