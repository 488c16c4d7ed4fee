// What must hold after every write and every pass, whatever happens: the promises that the product makes, in the words of the world.
import type { Write } from './api.ts';
import { CHILDREN } from './invariants/children.ts';
import { DECISIONS } from './invariants/decisions.ts';
import { EVIDENCE } from './invariants/evidence.ts';
import { RECORDS } from './invariants/records.ts';
import { REST } from './invariants/rest.ts';
import { TRAFFIC } from './invariants/traffic.ts';
import { NOTHING, type Findings, type Invariant, type Watch, type WatchedWorld } from './invariants/watch.ts';
import type { Pass } from './operator.ts';

export const INVARIANTS: readonly Invariant[] = [...TRAFFIC, ...DECISIONS, ...EVIDENCE, ...CHILDREN, ...RECORDS, ...REST];

export interface Invariants {
  /** To be called after each write of an operator that changed the world. */
  readonly onWrite: (write: Write) => void;
  readonly afterPass: (pass: Pass) => void;
  /** To be called at the end of each moment. */
  readonly afterMoment: () => void;
  /** To be called in a world that has come to rest, with the number of the first write since it was expected to. */
  readonly atRest: (from: number) => void;
  /** What they remember is no longer so. */
  readonly forget: () => void;
  readonly violations: readonly string[];
}

/** More would tell nothing new. */
const MOST_VIOLATIONS = 20;

export function createInvariants(world: WatchedWorld): Invariants {
  const violations: string[] = [];
  let watches: readonly Watch[] = [];
  const forget = (): void => {
    watches = INVARIANTS.map(({ watch }) => watch(world));
  };
  const ask = (question: (watch: Watch) => Findings): void => {
    watches.forEach((watch, index) => {
      for (const finding of question(watch)) tell(INVARIANTS[index]!, finding);
    });
  };
  const tell = ({ name, sentence }: Invariant, finding: string): void => {
    const atS = Math.round((world.now % 86_400_000) / 100) / 10;
    if (violations.length < MOST_VIOLATIONS) violations.push(`at ${atS} s: ${name} (${sentence}): ${finding}`);
  };
  forget();
  return {
    violations,
    forget,
    onWrite: (write) => ask(({ onWrite }) => onWrite?.(write) ?? NOTHING),
    afterPass: (pass) => ask(({ afterPass }) => afterPass?.(pass) ?? NOTHING),
    afterMoment: () => ask(({ afterMoment }) => afterMoment?.() ?? NOTHING),
    atRest: (from) => ask(({ atRest }) => atRest?.(from) ?? NOTHING),
  };
}
