// docs/conditions.md and the words that the operator writes are the same words.
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const root = resolve(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/conditions.md'), 'utf8');

/** Where conditions, phases, Events, outcomes and reasons are made. */
const SOURCES = [
  'src/core/plan.ts',
  'src/core/release/*.ts',
  'src/core/release/checks/*.ts',
  'src/core/status/*.ts',
  'src/core/version/{plan,job,copy,tags,tagging,failure}.ts',
  'src/core/resources/podTrouble.ts',
  'src/observe/obstacle.ts',
  'src/operator/{carryOut,reconcileDeployment}.ts',
];
const sources = globSync(SOURCES, { cwd: root }).map((file) => readFileSync(join(root, file), 'utf8'));

/** Words of the code that are no user's: kinds of objects and actions, inner states, statuses of conditions and of containers. */
const INNER = [
  ['Deployment', 'PodDisruptionBudget', 'ControllerRevision', 'Service', 'ModelDeployment', 'ModelRelease', 'Secret', 'ConfigMap', 'ServiceAccount'],
  ['Apply', 'ApplyStatus', 'Create', 'Delete', 'Probe', 'Custom', 'TryQueries', 'ConfirmAbsent'],
  ['AtRest', 'Pending', 'Known', 'Starting', 'Passed', 'Unreachable', 'Pinned', 'Contradicted', 'Retrying', 'Running', 'Succeeded'],
  ['Found', 'NotAsked', 'Missing'],
  ['Strict'],
  ['True', 'False', 'Unknown', 'Normal', 'Warning', 'CrashLoopBackOff', 'RunContainerError', 'PodScheduled', 'PodReadyToStartContainers'],
  ['Shift', 'Promote', 'RollBack', 'First', 'Version', 'Template', 'Retry'],
  ['Abort', 'Pause', 'Freeze', 'Rollback'],
  ['Free', 'Settled', 'Start', 'RetryAt', 'GivenUp', 'Newest', 'Earlier'],
  ['Gateway', 'ReplicaShare', 'None', 'StableOnly', 'ByReplicas', 'Runtime', 'Nobody', 'Scrape'],
  ['MLServer'],
  ['Proportional', 'Full', 'Hold', 'Release', 'Instant'],
  ['Threshold', 'Factor', 'Fixed', 'Any', 'Requests', 'Counters', 'Value', 'Higher', 'Lower', 'NotWorse', 'Certified'],
].flat();

const WORD = '[A-Z][A-Za-z]+(?:/[A-Z][A-Za-z]+)?';

function wordsIn(texts: readonly string[], quote: string): ReadonlySet<string> {
  const pattern = new RegExp(`${quote}(${WORD})${quote}`, 'g');
  return new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map(([, word]) => word ?? '')));
}

const written = wordsIn(sources, "'");
const told = wordsIn([page], '`');

describe('docs/conditions.md', () => {
  test('tells every word that the operator may write', () => {
    expect([...written].filter((word) => !told.has(word) && !INNER.includes(word)).sort()).toEqual([]);
  });

  test('tells no word that the operator never writes', () => {
    expect([...told].filter((word) => !written.has(word)).sort()).toEqual([]);
  });

  test('is held to words of the code that still exist', () => {
    expect(INNER.filter((word) => !written.has(word))).toEqual([]);
  });
});

interface Row {
  readonly phase: string;
  readonly ready: string;
  readonly motion: string;
  readonly reason: string;
}

/** Rows of the first table: state, phase, Ready, Available, Accepted, motion, reason. */
function rowsOfTable(): readonly Row[] {
  const rows =
    page
      .split('\n## ')[1]
      ?.split('\n')
      .filter((line) => line.startsWith('| '))
      .slice(1) ?? [];
  return rows.map((line) => {
    const [, phase = '', ready = '', , , motion = '', reason = ''] = line
      .split('|')
      .slice(1)
      .map((cell) => cell.trim().replaceAll('`', ''));
    return { phase, ready, motion: motion === 'neither' ? 'AtRest' : motion, reason };
  });
}

describe('the table of conditions', () => {
  const code = readFileSync(join(root, 'src/core/status/summary.ts'), 'utf8');
  const literal = /phase(?:: '(\w+)')?, ready: (true|false), motion: '(\w+)', reason(?:: (?:'(\w+)'|[\w.?' ]+))?[,}]/g;
  const summaries = [...code.matchAll(literal)].map(([text, phase, ready, motion, reason]) => ({ text, phase, ready, motion, reason }));

  test('is compared with every summary that the code makes', () => {
    expect(summaries).toHaveLength(code.match(/ready: (true|false), motion/g)?.length ?? 0);
    expect(summaries.length).toBeGreaterThan(8);
  });

  test.each(summaries)('has a row for { $text', ({ phase, ready, motion, reason }) => {
    const isReady = ready === 'true' ? 'True' : 'False';
    const fits = rowsOfTable().filter((row) => row.ready === isReady && row.motion === motion);
    expect(fits.filter((row) => (phase ?? row.phase) === row.phase && (reason ?? row.reason) === row.reason)).not.toEqual([]);
  });
});
