// The users: real rows that no model was trained on, sent through the gateway at a steady rate whatever comes back.
import { PORTS } from '../cluster/index.ts';
import { startLoad } from '../load/generator.ts';
import type { HeldOut } from '../models/digits.ts';
import { countByRevision, SLOWER_THAN_MS, type Answer } from './figures.ts';
import { HOST, MODEL } from './manifests.ts';

export const REQUESTS_PER_SECOND = 50;
/** More than the route's own limit, so that it is the gateway that gives a request up, and says which version did not answer. */
const PATIENCE_MS = 30_000;

export interface Users {
  /** All answers so far, in order of arrival. */
  readonly answers: () => readonly Answer[];
  /** Counts by version since the answer number `from`; `nameOf` gives the version of a revision. */
  readonly describe: (from: number, nameOf: (revision: string) => string) => string;
  /** Answers from now on are not kept: the figures are made. */
  readonly forget: () => void;
  readonly stop: () => Promise<unknown>;
}

export function startUsers({ rows, labels }: HeldOut): Users {
  const answers: Answer[] = [];
  let keep = true;
  const load = startLoad({
    port: PORTS.gateway,
    host: HOST,
    model: MODEL,
    rate: REQUESTS_PER_SECOND,
    rows,
    labels,
    timeoutMs: PATIENCE_MS,
    onRecord: ({ sentAt, receivedAt, latencyMs, status, revision, error }) => {
      if (keep) answers.push({ sentAt, receivedAt, latencyMs, status, revision, ...(error === undefined ? {} : { error }) });
    },
  });
  return {
    answers: () => answers,
    describe: (from, nameOf) => describeCounts(answers.slice(from), nameOf),
    forget: () => {
      keep = false;
    },
    stop: async () => await load.stop(),
  };
}

/** `v2 4012 requests (0 failed, 3 slow), v7 35 (9 failed, 0 slow)` */
export function describeCounts(answers: readonly Answer[], nameOf: (revision: string) => string): string {
  const counts = [...countByRevision(answers, SLOWER_THAN_MS)];
  const parts = counts.map(([revision, { requests, failed, slow }], index) => {
    const name = revision === '' ? 'nobody' : nameOf(revision);
    return `${name} ${requests}${index === 0 ? ' requests' : ''} (${failed} failed, ${slow} slow)`;
  });
  return parts.length === 0 ? 'no requests yet' : parts.join(', ');
}
