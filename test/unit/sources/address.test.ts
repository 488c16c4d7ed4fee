import { describe, expect, test } from '@jest/globals';

import { isRefusedAddress } from '../../../src/sources/address.ts';

describe('an address', () => {
  test.each([
    '169.254.169.254',
    '169.254.0.1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    'fe80::1',
    'febf::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    'fd00:0ec2:0:0:0:0:0:254',
    'fd20:ce::254',
    '100.100.100.200',
  ])('%s is refused', (address) => {
    expect(isRefusedAddress(address)).toBe(true);
  });

  test.each([
    '127.0.0.1',
    '10.0.0.1',
    '192.168.1.1',
    '169.253.255.255',
    '169.255.0.0',
    '100.100.100.201',
    '::1',
    'fec0::1',
    'fd00:ec3::1',
    '2001:db8::1',
    '::ffff:10.0.0.1',
    '8.8.8.8',
  ])('%s is left to the network policy of the namespace', (address) => {
    expect(isRefusedAddress(address)).toBe(false);
  });
});
