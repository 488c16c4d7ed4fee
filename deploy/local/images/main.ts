// The images of the local cluster: `node deploy/local/images/main.ts [operator] [modelserver] [mlserver]` builds what is missing.
import { pathToFileURL } from 'node:url';
import type { Say } from './cache.ts';
import type { BuiltImage } from './layers.ts';
import { buildMlserver } from './mlserver.ts';
import { buildModelserver } from './modelserver.ts';
import { buildOperator } from './operator.ts';

const BUILDERS = { operator: buildOperator, modelserver: buildModelserver, mlserver: buildMlserver } as const;

export type ImageName = keyof typeof BUILDERS;

const NAMES = Object.keys(BUILDERS) as readonly ImageName[];

/** Builds those of the images that the cache does not have, one after the other, and returns all archives in the order asked for. */
export async function buildImages(names: readonly ImageName[], say: Say): Promise<readonly BuiltImage[]> {
  const built: BuiltImage[] = [];
  for (const name of names) built.push(await BUILDERS[name](say));
  return built;
}

async function main(args: readonly string[]): Promise<void> {
  const unknown = args.filter((arg) => !(arg in BUILDERS));
  if (unknown.length > 0) throw new Error(`Unknown image ${unknown.join(', ')}. Known are ${NAMES.join(', ')}.`);
  const names = args.length === 0 ? NAMES : (args as readonly ImageName[]);
  for (const { reference, archive } of await buildImages(names, (line) => process.stderr.write(`${line}\n`))) {
    process.stdout.write(`${reference} ${archive}\n`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv.slice(2));
