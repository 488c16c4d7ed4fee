// The users: real rows that no model was trained on, sent through the gateway at a steady rate whatever comes back.
import { PORTS } from '../cluster/index.ts';
import { startLoad } from '../load/generator.ts';
import type { HeldOut } from '../models/digits.ts';
import { countByRevision, type Answer } from './figures.ts';
import { SLOWER_THAN_MS } from './scenarios.ts';
import { HOST, MODEL } from './manifests.ts';

export const REQUESTS_PER_SECOND = 50;
/** More than the route's own limit, so that it is the gateway that gives a request up, and says which version did not answer. */
export const PATIENCE_MS = 30_000;

export interface Users {
  /** All answers so far, in order of arrival. */
  readonly answers: () => readonly Answer[];
  /** Counts by version since the answer number `from`; `nameOf` gives the version of a revision. */
  readonly describe: (from: number, nameOf: (revision: string) => string) => string;
  /** Answers from now on are not kept: the figures are made. */
  readonly forget: () => void;
  readonly stop: () => Promise<unknown>;
}

/** Users on this machine, through the gateway of the local cluster. */
export function startUsers({ rows, labels }: HeldOut): Users {
  return gatherAnswers((tell) => {
    const load = startLoad({
      port: PORTS.gateway,
      host: HOST,
      model: MODEL,
      rate: REQUESTS_PER_SECOND,
      rows,
      labels,
      timeoutMs: PATIENCE_MS,
      onRecord: ({ sentAt, receivedAt, latencyMs, status, revision, error }) =>
        tell({ sentAt, receivedAt, latencyMs, status, revision, ...(error === undefined ? {} : { error }) }),
    });
    return async () => await load.stop();
  });
}

/** Keeps what users are answered; `start` lets them begin, and gives what ends them. */
export function gatherAnswers(start: (tell: (answer: Answer) => void) => () => Promise<unknown>): Users {
  const answers: Answer[] = [];
  let keep = true;
  const stop = start((answer) => {
    if (keep) answers.push(answer);
  });
  return {
    answers: () => answers,
    describe: (from, nameOf) => describeCounts(answers.slice(from), nameOf),
    forget: () => {
      keep = false;
    },
    stop,
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
