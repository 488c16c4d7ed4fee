// docs/evidence.md: the commands that it tells can be run, with the options that they have.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { runCommand } from '../../../src/cli/run.ts';
import { readWish } from '../../../src/cli/simulateWish.ts';

const page = readFileSync('docs/evidence.md', 'utf8');
const commands = [...page.matchAll(/^ {4}npm run (\S+) -- (.*)$/gm)].map(([, script = '', words = '']) => [script, words.trim().split(/\s+/)] as const);
const of = (name: string): readonly (readonly string[])[] =>
  commands.filter(([script, [first]]) => script === 'plimsoll' && first === name).map(([, words]) => words.slice(1));

test('every command has a script, and plimsoll has every command that is told', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly scripts: Readonly<Record<string, string>> };
  expect(commands.filter(([script]) => scripts[script] === undefined)).toEqual([]);
  expect(of('simulate').length).toBeGreaterThan(2);
  expect(of('analyze').length).toBeGreaterThan(0);
  expect(commands.filter(([script, [name]]) => script === 'plimsoll' && name !== 'simulate' && name !== 'analyze')).toEqual([]);
});

test.each(of('simulate').map((words) => [words]))('plimsoll simulate %j can be read', (words) => {
  expect(() => readWish(words)).not.toThrow();
});

test.each(of('analyze').map((words) => [words]))('plimsoll analyze %j can be run on the file of the page', async (words) => {
  const csv = /```csv\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const answer = await runCommand('analyze', words, { read: () => Promise.resolve(csv) });
  expect(answer.complaint).toBe('');
  // What the page shows of the answer is the answer.
  for (const line of answer.text.trimEnd().split('\n')) expect(page).toContain(`    ${line}`);
});

test('the page tells every option of simulate', () => {
  const told = new Set([...page.matchAll(/`--([a-z-]+)/g)].map(([, name = '']) => name));
  for (const name of ['steps', 'interval', 'margin', 'floor', 'promote-when', 'bursts', 'checks']) expect([...told]).toContain(name);
});
