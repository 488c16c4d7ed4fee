// docs/explain.md: its commands can be read, with the options that they have, and it tells all of them.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { ClusterInput } from '../../../src/cli/cluster.ts';
import { runClusterCommand, type ClusterCommandName } from '../../../src/cli/clusterCommands.ts';
import { Refusal } from '../../../src/cli/command.ts';

const page = readFileSync('docs/explain.md', 'utf8');
const commands = [...page.matchAll(/^ {4}npm run plimsoll -- (\S+) (.*)$/gm)].map(
  ([, name = '', words = '']) => [name as ClusterCommandName, words.trim().split(/\s+/)] as const,
);
/** Whatever gets so far has been read. */
const REACHED = 'the world was asked';
const nowhere = (): never => {
  throw new Refusal(REACHED);
};
const world: ClusterInput = { read: nowhere, cluster: nowhere, now: () => 0, write: nowhere };

test('it tells both commands', () => {
  expect(new Set(commands.map(([name]) => name))).toEqual(new Set(['explain', 'replay']));
});

test.each(commands.map(([name, words]) => [name, words] as const))('plimsoll %s %j can be read', async (name, words) => {
  expect(await runClusterCommand(name, words, world)).toEqual({ text: '', code: 2, complaint: `plimsoll ${name}: ${REACHED}\n` });
});

test('an option that there is not is refused', async () => {
  const { complaint } = await runClusterCommand('replay', ['fraud-r7', '--nonsense'], world);
  expect(complaint).toContain("Unknown option '--nonsense'; there are --prometheus, --namespace, --rows, --save, --stable-slot, --json");
});

test.each(['explain', 'replay'] as const)('the page tells every option of the usage of %s', async (name) => {
  const { text } = await runClusterCommand(name, ['--help'], world);
  const options = [...text.matchAll(/ (--?[a-z-]+)/g)].map(([, option = '']) => option);
  expect(options.length).toBeGreaterThan(1);
  expect(options.filter((option) => !page.includes(option))).toEqual([]);
  expect(text.split('\n').filter((line) => line.length > 120)).toEqual([]);
});
