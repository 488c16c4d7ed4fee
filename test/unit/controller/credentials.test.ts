// How old credentials may grow before they are read again.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, afterEach, describe, expect, jest, test } from '@jest/globals';

import { createCredentials } from '../../../src/controller/credentials.ts';
import { createFakeClock } from '../../support/clocks.ts';

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-credentials-'));
const tokenFile = join(folder, 'token');
const authorityFile = join(folder, 'ca.crt');
const write = (token: string): void => writeFileSync(tokenFile, token);

afterEach(() => void jest.useRealTimers());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The credentials of a pod: a token in a file. Time passes for both clocks, ours and that of the library. */
function podCredentials() {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance'], now: Date.UTC(2026, 0, 1) });
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'pod', server: 'https://127.0.0.1:1', skipTLSVerify: false, caFile: authorityFile },
    { name: 'pod', authProvider: { name: 'tokenFile', config: { tokenFile } } },
  );
  const clock = createFakeClock();
  const source = createCredentials(config, clock);
  return {
    token: async () => (await source.read()).headers['Authorization'],
    forget: () => source.forget(),
    dispatcher: async () => (await source.read()).dispatcher,
    pass: async (seconds: number) => {
      await clock.advance(seconds * 1000);
      jest.setSystemTime(Date.now() + seconds * 1000);
    },
  };
}

describe("a pod's token", () => {
  test('pitfall 22: that was rotated is in use 90 s later at the latest', async () => {
    write('old');
    writeFileSync(authorityFile, 'this one');
    const { token, pass } = podCredentials();
    expect(await token()).toBe('Bearer old');
    write('new');
    await pass(90);
    expect(await token()).toBe('Bearer new');
  });

  test('pitfall 11: costs no pool of connections when it is read again; another authority does, and a connection that failed', async () => {
    write('one');
    writeFileSync(authorityFile, 'this one');
    const { token, dispatcher, pass, forget } = podCredentials();
    const first = await dispatcher();
    write('two');
    await pass(90);
    expect([await token(), await dispatcher()]).toEqual(['Bearer two', first]);
    writeFileSync(authorityFile, 'another one');
    await pass(30);
    const second = await dispatcher();
    expect(second).not.toBe(first);
    forget();
    expect(await dispatcher()).not.toBe(second);
  });
});
