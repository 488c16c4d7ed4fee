// npm run demo [-- --once --report FILE]
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArguments, USAGE, type DemoOptions } from './arguments.ts';
import { runDemo } from './demo.ts';
import { sayError } from './failure.ts';
import { createNarrator, type Screen } from './narrator.ts';

const DEFAULT_COLUMNS = 100;

async function main(argv: readonly string[]): Promise<number> {
  const parsed = parseArguments(argv);
  switch (parsed.kind) {
    case 'help':
      process.stdout.write(`${USAGE}\n`);
      return 0;
    case 'refused':
      process.stderr.write(`${parsed.message}\n`);
      return 2;
    case 'run':
      return await run(parsed.options);
  }
}

async function run(options: DemoOptions): Promise<number> {
  // npm changes into the project's folder; the name is meant in the one where the person is.
  const reportFile = options.report === undefined ? undefined : resolve(process.env['INIT_CWD'] ?? process.cwd(), options.report);
  if (reportFile !== undefined && !existsSync(dirname(reportFile))) {
    process.stderr.write(`The report cannot be written: there is no folder ${dirname(reportFile)}. Make it, or name another file.\n`);
    return 2;
  }
  const interruption = new AbortController();
  // The launcher passes a terminal's Ctrl-C on, so it arrives twice: the second one is no order to leave things lying about.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interruption.abort());
  const narrator = createNarrator(screen(), () => performance.now());
  return await runDemo(options, reportFile, narrator, Date.now, interruption.signal);
}

function screen(): Screen {
  const { stdout } = process;
  const isTerminal = stdout.isTTY;
  return {
    write: (text) => void stdout.write(text),
    isTerminal,
    colours: isTerminal && (process.env['NO_COLOR'] ?? '') === '',
    columns: () => stdout.columns || DEFAULT_COLUMNS,
  };
}

let code = 1;
try {
  code = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${sayError(error)}\n`);
}
// Connections that are kept open, or a step that Ctrl-C left behind, are no reason to stay.
process.exit(code);
