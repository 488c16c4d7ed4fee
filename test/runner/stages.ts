// The stages of `npm test` and of its parts: what each runs, how long it may take, and what it needs.
import { globSync } from 'node:fs';

interface StageBase {
  readonly name: string;
  readonly limitMinutes: number;
  /** Runs only if this stage has passed; counts as failed otherwise. */
  readonly needs?: string | undefined;
  /** Runs whenever this stage has begun, even after a failure or an interrupt. */
  readonly undoes?: string | undefined;
}

/** A program run by Node, that passes or fails as a whole. */
export interface CheckStage extends StageBase {
  readonly kind: 'check';
  readonly arguments: readonly string[];
}

/** A run of jest over these test files, whose tests are counted. */
export interface JestStage extends StageBase {
  readonly kind: 'jest';
  readonly project: Project;
  readonly files: readonly string[];
  readonly options: readonly string[];
}

export type Stage = CheckStage | JestStage;

export const COMMANDS = ['lint', 'unit', 'component', 'e2e', 'long', 'all'] as const;
export type Command = (typeof COMMANDS)[number];

export interface StageOptions {
  /** Only test files whose path contains one of these texts; all if there is none. */
  readonly filters: readonly string[];
  /** Leaves the cluster up for the next run. */
  readonly keep: boolean;
  /** Replaces every stage's own limit. */
  readonly limitMinutes?: number | undefined;
}

export type Project = 'unit' | 'component' | 'e2e';
/** `x.test.ts` runs beside others, `x.alone.test.ts` (end-to-end only) after them one by one, `x.long.test.ts` in `npm run test:long`. */
type Pace = 'together' | 'alone' | 'long';

const MODULES = 'node_modules';
const ENVIRONMENT = 'test/runner/environment.ts';

/** The stages of a command, in order. Those of `long` appear only where there are such files. */
export function stagesOf(command: Command, options: StageOptions, root: string): readonly Stage[] {
  const stages = unlimitedStages(command, options, root);
  const { limitMinutes } = options;
  return limitMinutes === undefined ? stages : stages.map((stage) => ({ ...stage, limitMinutes }));
}

function unlimitedStages(command: Command, options: StageOptions, root: string): readonly Stage[] {
  const files = (project: Project, pace: Pace): readonly string[] => testFiles(root, project, pace, options.filters);
  switch (command) {
    case 'lint':
      return STATIC_STAGES;
    case 'unit':
      return [jestStage('unit', 'unit', files('unit', 'together'), 10, ['--maxWorkers=100%'])];
    case 'component':
      return [TOOLS, jestStage('component', 'component', files('component', 'together'), 30, ['--maxWorkers=2'])];
    case 'e2e':
      return clusterStages(options, endToEndStages(files, options));
    case 'long':
      return longStages(files, options);
    case 'all':
      return [...STATIC_STAGES, ...(['unit', 'component', 'e2e'] as const).flatMap((part) => unlimitedStages(part, options, root))];
  }
}

const STATIC_STAGES: readonly Stage[] = [
  { name: 'types', arguments: [`${MODULES}/typescript/lib/tsc.js`, '-p', 'test/tsconfig.json'], kind: 'check', limitMinutes: 5 },
  { name: 'lint', arguments: [`${MODULES}/eslint/bin/eslint.js`, '--max-warnings', '0', '.'], kind: 'check', limitMinutes: 10 },
  {
    name: 'boundaries',
    arguments: [`${MODULES}/dependency-cruiser/bin/dependency-cruiser.mjs`, '--config', '.dependency-cruiser.mjs', 'src', 'test', 'deploy'],
    kind: 'check',
    limitMinutes: 5,
  },
  { name: 'generated', arguments: ['src/api/generate.ts', '--check'], kind: 'check', limitMinutes: 5 },
];

/** Component tests would make these themselves, against their own time limits. Those that need none of them do without. */
const TOOLS: Stage = { name: 'tools', arguments: ['test/runner/tools.ts'], kind: 'check', limitMinutes: 60 };

function endToEndStages(files: (project: Project, pace: Pace) => readonly string[], options: StageOptions): readonly Stage[] {
  const together = files('e2e', 'together');
  const alone = files('e2e', 'alone');
  // Without a filter an empty end-to-end stage is a fault and must be seen; with one, it is what was asked for.
  return [
    ...(together.length > 0 || options.filters.length === 0 ? [jestStage('e2e', 'e2e', together, 60, ['--maxWorkers=3'])] : []),
    ...(alone.length > 0 ? [jestStage('e2e alone', 'e2e', alone, 60, ['--runInBand'])] : []),
  ];
}

function longStages(files: (project: Project, pace: Pace) => readonly string[], options: StageOptions): readonly Stage[] {
  const stage = (project: Project): readonly Stage[] => {
    const long = files(project, 'long');
    return long.length === 0 ? [] : [jestStage(`long ${project}`, project, long, 180, ['--runInBand'])];
  };
  return [...stage('unit'), ...stage('component'), ...clusterStages(options, stage('e2e'))];
}

/** Puts set-up before and tear-down after the stages that use the cluster; nothing around nothing. */
function clusterStages(options: StageOptions, stages: readonly Stage[]): readonly Stage[] {
  if (stages.length === 0) return [];
  const setUp: Stage = { name: 'set-up', arguments: [ENVIRONMENT, 'up'], kind: 'check', limitMinutes: 90 };
  const tearDown: Stage = { name: 'tear-down', arguments: [ENVIRONMENT, 'down'], kind: 'check', limitMinutes: 5, undoes: setUp.name };
  return [setUp, ...stages.map((stage) => ({ ...stage, needs: setUp.name })), ...(options.keep ? [] : [tearDown])];
}

function jestStage(name: string, project: Project, files: readonly string[], limitMinutes: number, options: readonly string[]): JestStage {
  return { kind: 'jest', name, project, files, limitMinutes, options };
}

/** Node's arguments for a jest stage; jest writes its report to `reportFile`. */
export function jestArguments(stage: JestStage, reportFile: string): readonly string[] {
  const testTimeoutMs = stage.project === 'e2e' ? 300_000 : 30_000;
  return [
    // jest loads ES modules through Node's vm API, which is behind this flag and warns about it in every worker.
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    `${MODULES}/jest/bin/jest.js`,
    '--selectProjects',
    stage.project,
    `--testTimeout=${testTimeoutMs}`,
    ...stage.options,
    '--json',
    `--outputFile=${reportFile}`,
    '--runTestsByPath',
    ...stage.files,
  ];
}

function testFiles(root: string, project: Project, pace: Pace, filters: readonly string[]): readonly string[] {
  return globSync(`test/${project}/**/*.test.ts`, { cwd: root })
    .filter((file) => paceOf(project, file) === pace && (filters.length === 0 || filters.some((filter) => file.includes(filter))))
    .toSorted();
}

function paceOf(project: Project, file: string): Pace {
  if (file.endsWith('.long.test.ts')) return 'long';
  return project === 'e2e' && file.endsWith('.alone.test.ts') ? 'alone' : 'together';
}
