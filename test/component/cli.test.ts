// The commands as processes of their own: what they read, where they write, and how they end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, expect, test } from '@jest/globals';

const main = resolve(import.meta.dirname, '../../src/main.ts');
const folder = mkdtempSync(join(tmpdir(), 'plimsoll-cli-'));
/** A process takes half a second, and many times that beside other work. */
const LONGEST_MS = 60_000;
const CSV = `stable_requests,stable_bad,candidate_requests,candidate_bad\n${'950,5,50,25\n'.repeat(3)}`;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly complaints: string;
}

async function plimsoll(words: readonly string[], input = '', env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...words], { cwd: folder, env });
  // A process that refuses its arguments does not read.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const [out, complaints, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { code, out, complaints };
}

test('analyze reads a file or the standard input, and tells by its exit code', async () => {
  writeFileSync(join(folder, 'counts.csv'), CSV);
  const fromFile = await plimsoll(['analyze', 'counts.csv']);
  expect(fromFile).toMatchObject({ code: 3, complaints: '' });
  expect(fromFile.out).toContain("'bad events': abort\n  candidate 75/150");
  expect(await plimsoll(['analyze', '-'], CSV)).toEqual(fromFile);
}, LONGEST_MS);

test('analyze says why a file cannot be read', async () => {
  writeFileSync(join(folder, 'binary.csv'), Buffer.from([0xff, 0xfe, 0x00]));
  writeFileSync(join(folder, 'large.csv'), Buffer.alloc(17 * 1024 * 1024, 'x'));
  const said = await Promise.all(['missing.csv', 'binary.csv', 'large.csv'].map((file) => plimsoll(['analyze', file])));
  expect(said.map(({ code, out }) => [code, out])).toEqual([2, 2, 2].map((code) => [code, '']));
  expect(said[0]?.complaints).toMatch(/^plimsoll analyze: 'missing.csv' cannot be read: ENOENT/);
  expect(said[1]?.complaints).toBe("plimsoll analyze: 'binary.csv' is no UTF-8 text; save it as one\n");
  expect(said[2]?.complaints).toBe("plimsoll analyze: 'large.csv' is larger than 16 MiB; lengthen the intervals\n");
}, LONGEST_MS);

test('simulate needs nothing but its arguments', async () => {
  const played = await plimsoll(['simulate', '--runs', '2', '--steps', '50%:30s']);
  expect(played).toMatchObject({ code: 0, complaints: '', out: expect.stringContaining('2 releases of each kind (seed 1)') as unknown });
  const refused = await plimsoll(['simulate', '--runs', 'many']);
  expect(refused).toEqual({ code: 2, out: '', complaints: "plimsoll simulate: --runs is 'many': write a whole number from 1 to 100000\n" });
}, LONGEST_MS);

test('the usage is the answer to whoever asks for it, and a complaint to whoever names no command or one that is none', async () => {
  const [asked, ...others] = await Promise.all([['--help'], ['-h'], [], ['simulat']].map((words) => plimsoll(words)));
  expect(asked).toMatchObject({ code: 0, out: expect.stringContaining('simulate | analyze [--help]') as unknown, complaints: '' });
  const refused = { code: 2, out: '', complaints: asked?.out };
  expect(others).toEqual([asked, refused, { ...refused, complaints: `plimsoll: there is no command "simulat"\n${asked?.out ?? ''}` }]);
  expect(await plimsoll(['analyze', '-h'])).toMatchObject({ code: 0, out: expect.stringMatching(/^usage: plimsoll analyze /) as unknown });
}, LONGEST_MS);

test('explain without any kubeconfig says so', async () => {
  const complaints = 'plimsoll explain: there is no kubeconfig; KUBECONFIG names its file, as for kubectl\n';
  expect(await plimsoll(['explain', 'fraud'], '', { HOME: folder })).toEqual({ code: 2, out: '', complaints });
}, LONGEST_MS);
