import { expect, test } from '@jest/globals';
import { librariesOf } from '../../../deploy/local/images/programs.ts';

test('the libraries of a program are the files that the loader lists', () => {
  const list =
    '\tlinux-vdso.so.1 (0x00007ffd3b5f2000)\n\tlibz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f0c6b0e0000)\n' +
    '\t/lib64/ld-linux-x86-64.so.2 (0x00007f0c6b4c7000)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0c6aeff000)\n';
  expect(librariesOf(list)).toEqual(['/lib/x86_64-linux-gnu/libz.so.1', '/lib/x86_64-linux-gnu/libc.so.6']);
  expect(() => librariesOf('\tlibx.so.1 => not found\n')).toThrow('no package has the library libx.so.1');
});
