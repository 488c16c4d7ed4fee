// npm run cluster -- up [--scrape-interval 1s] | down [--wipe] | status | kubeconfig
import { parseArgs } from 'node:util';
import { ClusterError } from './failure.ts';
import { down, kubeconfigPath, status, up } from './index.ts';
import { progress } from './progress.ts';
import { settingsFrom } from './settings.ts';
import { describe } from './status.ts';

const USAGE = `Usage: npm run cluster -- COMMAND
  up [--scrape-interval 1s]   build what is missing and start what is not running; returns when all is ready
  down [--wipe]               end it; --wipe deletes its state folder too
  status                      each process with its health; exit code 1 unless all are well
  kubeconfig                  path of the administrator's kubeconfig`;

async function main(argv: readonly string[]): Promise<number> {
  const { positionals, values } = parse(argv);
  switch (positionals.join(' ')) {
    case 'up':
      await up({ say: progress(), ...(values['scrape-interval'] === undefined ? {} : { scrapeInterval: values['scrape-interval'] }) });
      process.stdout.write(`export KUBECONFIG=${kubeconfigPath()} PATH=${settingsFrom(process.env).state}/bin:$PATH\n`);
      return 0;
    case 'down':
      await down({ say: progress(), wipe: values.wipe ?? false });
      return 0;
    case 'status': {
      const parts = await status();
      process.stdout.write(`${describe(parts, settingsFrom(process.env).state)}\n`);
      return parts.every((part) => part.healthy) ? 0 : 1;
    }
    case 'kubeconfig':
      process.stdout.write(`${kubeconfigPath()}\n`);
      return 0;
    default:
      throw new ClusterError(USAGE);
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { 'scrape-interval': { type: 'string' }, wipe: { type: 'boolean' } },
    });
  } catch (error) {
    throw new ClusterError(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`, { cause: error });
  }
}

/** What to show for an error: a sentence for what was foreseen, everything for what was not. */
function explain(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof ClusterError) return each.message;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
}
