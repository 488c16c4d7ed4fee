// Addresses that no download may reach: on a cloud machine they hand out the node's credentials to whoever asks.
// Everything else is the business of the pod's network policy: a registry inside the cluster has a private address too.

import type { LookupAddress } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import type { LookupFunction } from 'node:net';

import { finalFailure, passingFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { errorOf, SourceError } from './error.ts';

const REFUSED = new BlockList();
REFUSED.addSubnet('169.254.0.0', 16, 'ipv4');
REFUSED.addAddress('100.100.100.200', 'ipv4'); // Alibaba Cloud's metadata service
REFUSED.addSubnet('fe80::', 10, 'ipv6');
REFUSED.addSubnet('fd00:ec2::', 32, 'ipv6'); // AWS: instance metadata, container and pod credentials
REFUSED.addAddress('fd20:ce::254', 'ipv6'); // Google Cloud's metadata service
REFUSED.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6'); // 169.254.0.0/16 through NAT64
REFUSED.addSubnet('2002:a9fe::', 32, 'ipv6'); // 169.254.0.0/16 through 6to4

/** Whether an IP address (with or without a zone) must not be connected to. IPv4 inside IPv6 (::ffff:a.b.c.d) counts as IPv4. */
export function isRefusedAddress(address: string): boolean {
  const bare = address.split('%', 1)[0] ?? '';
  const family = isIP(bare);
  if (family === 0) return false;
  return REFUSED.check(bare, family === 4 ? 'ipv4' : 'ipv6');
}

/** Refuses a URL whose host is written as a refused address; a name is checked when it is connected to. */
export function checkHost(url: URL): Outcome<undefined> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return isRefusedAddress(host) ? refused(host) : success(undefined);
}

/**
 * Name resolution for sockets that fails when any address of the name is a refused one. The socket connects to the very
 * addresses that were checked, so a name that resolves to another address the next time (DNS rebinding) gains nothing.
 */
export function guardedLookup(lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, options, (error, address, family) => {
      const bad = error === null ? addressesOf(address).find(isRefusedAddress) : undefined;
      if (bad === undefined) callback(error, address, family);
      else callback(errorOf(refused(bad, hostname)), '', 0);
    });
  };
}

/** One address of a host for a program that connects by itself; fails when the host has a refused one. `shown` is what it is part of. */
export function addressOf(host: string, shown: string, { lookup }: { readonly lookup: LookupFunction }): Promise<Outcome<string>> {
  if (isIP(host) !== 0) return Promise.resolve(isRefusedAddress(host) ? refused(host) : success(host));
  return new Promise((resolve) => {
    guardedLookup(lookup)(host, { all: true }, (error, address) => {
      const [first] = error === null ? addressesOf(address) : [];
      if (first !== undefined) resolve(success(first));
      else if (error instanceof SourceError) resolve({ ok: false, failure: error.failure });
      else resolve(passingFailure('SourceUnreachable', `${shown} could not be read: the host name does not resolve.`));
    });
  });
}

function addressesOf(address: string | LookupAddress[]): readonly string[] {
  return typeof address === 'string' ? [address] : address.map((entry) => entry.address);
}

function refused(address: string, hostname?: string): ReturnType<typeof finalFailure> {
  const what = hostname === undefined ? `the address ${address}` : `${hostname}, which resolves to ${address},`;
  return finalFailure(
    'AddressRefused',
    `Connecting to ${what} is refused: it belongs to the link-local and cloud metadata addresses, where no model is kept. ` +
      'Give the URL of a file server.',
  );
}
