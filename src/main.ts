// Entry point of the one image: the operator, the short programs that it starts in tenants' namespaces, and commands for a terminal.
// The only reader of process.env and process.argv.
import { readFileSync } from 'node:fs';

const USAGE =
  'usage: plimsoll operator | resolve | fetch | tag          in the cluster\n' +
  '       plimsoll simulate | analyze [--help]               in a terminal\n' +
  '       plimsoll explain | replay [--help]                 beside a cluster';
const OLDEST_NODE = [22, 19] as const;

async function main(): Promise<number> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    process.stderr.write(`Plimsoll needs Node ${OLDEST_NODE.join('.')} or newer; this is ${process.versions.node}. Use the Node of the locked packages.\n`);
    return 1;
  }
  switch (process.argv[2]) {
    case 'operator':
      return operate();
    case 'explain':
    case 'replay':
      return runWithCluster(process.argv[2]);
    case 'resolve':
    case 'fetch':
    case 'tag':
      return runJob(process.argv[2]);
    case 'simulate':
    case 'analyze':
      return runInTerminal(process.argv[2]);
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(`${USAGE}\n`);
      return 0;
    case undefined:
      process.stderr.write(`${USAGE}\n`);
      return 2;
    default:
      process.stderr.write(`plimsoll: there is no command ${JSON.stringify(process.argv[2])}\n${USAGE}\n`);
      return 2;
  }
}

/** What it needs is loaded here, where the short programs do not wait for it. */
async function operate(): Promise<number> {
  const { readSettings } = await import('./operator/settings.ts');
  const { createLogger } = await import('./telemetry/logger.ts');
  const { createSystemClock } = await import('./controller/clock.ts');
  const { runOperator } = await import('./operator/run.ts');
  const parsed = readSettings(process.env, readVersion());
  if (!parsed.ok) {
    for (const problem of parsed.problems) process.stderr.write(`${problem}\n`);
    return 2;
  }
  const { logger, closeLogger } = createLogger({ level: parsed.settings.logLevel, stream: process.stdout, now: Date.now });
  logger.info('Plimsoll starts', { version: parsed.settings.version, image: parsed.settings.image, prometheus: parsed.settings.prometheusUrl });
  process.once('unhandledRejection', (error) => {
    // What nobody awaited has left the program in an unknown state: Kubernetes starts a clean one.
    logger.error('Unhandled rejection', { error });
    void closeLogger().then(() => process.exit(1));
  });
  try {
    await runOperator(parsed.settings, logger, createSystemClock(Date.now), Math.random, stopSignal());
    logger.info('Plimsoll has stopped');
    return 0;
  } catch (error) {
    logger.error('Plimsoll ends', { error });
    return 1;
  } finally {
    await closeLogger();
  }
}

/** Commands for people that ask a cluster. */
async function runWithCluster(name: 'explain' | 'replay'): Promise<number> {
  const { runClusterCommand } = await import('./cli/clusterCommands.ts');
  const { createClusterInput } = await import('./cli/cluster.ts');
  const { text, complaint, code } = await runClusterCommand(name, process.argv.slice(3), createClusterInput(process.stdin, Date.now));
  process.stdout.write(text);
  process.stderr.write(complaint);
  return code;
}

/** The short programs write lines for people: their output is read with `kubectl logs`. */
async function runJob(name: 'resolve' | 'fetch' | 'tag'): Promise<number> {
  (await import('./sources/smallHeap.ts')).keepHeapSmall();
  const io = {
    log: (line: string) => process.stdout.write(`${line}\n`),
    now: Date.now,
    random: Math.random,
    terminationLog: '/dev/termination-log',
    environment: process.env,
    signal: stopSignal(),
  };
  const text = process.env['PLIMSOLL_JOB'];
  const { parseFetchOptions, parseResolveOptions, parseTagOptions } = await import('./sources/options.ts');
  if (name === 'fetch') return (await import('./sources/fetch.ts')).runFetch(parseFetchOptions(text), io);
  if (name === 'tag') return (await import('./sources/tag.ts')).runTag(parseTagOptions(text), io);
  return (await import('./sources/resolve.ts')).runResolve(parseResolveOptions(text), io);
}

/** Commands for people: they need no cluster. */
async function runInTerminal(name: 'simulate' | 'analyze'): Promise<number> {
  const { runCommand } = await import('./cli/run.ts');
  const { readInput } = await import('./cli/input.ts');
  const { text, complaint, code } = await runCommand(name, process.argv.slice(3), { read: (file) => readInput(file, process.stdin) });
  process.stdout.write(text);
  process.stderr.write(complaint);
  return code;
}

function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  return version;
}

process.exit(await main());
