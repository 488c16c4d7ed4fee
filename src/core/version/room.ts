// How much the copies in a claim may take, and which of them go when it is too much.

import type { ModelVersion } from '../../api/generated/modelversion.ts';
import { finalFailure, type Failure } from './failure.ts';

/** What a Job that fills a claim is told of it. */
export interface Allowance {
  /** All that copies may take together. */
  readonly bytes: number;
  /** Digests of the copies that somebody needs; undefined when they are not known: then no copy goes. */
  readonly needed: readonly string[] | undefined;
  /** When these were gathered. Who needs a copy since then has marked it as used. */
  readonly gatheredAtMs: number;
}

/** A copy as it lies in the claim. It is marked as used when it is made and whenever a Job takes it for a version. */
export interface HeldCopy {
  readonly digest: string;
  readonly bytes: number;
  readonly usedAtMs: number;
}

/** All that counts against an allowance: whole copies, and the bytes of those that other Jobs are making. */
export interface Holding {
  readonly copies: readonly HeldCopy[];
  readonly growing: number;
}

/** More digests would not fit into the options of a Job for certain. */
export const MOST_NEEDED = 500;

/** Longer than a cache of the operator is behind, and than clocks of a cluster differ. */
const RECENT_MS = 3_600_000;

const UNITS: Readonly<Record<string, number>> = {
  '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50,
};

/** Whole bytes of a Kubernetes quantity such as 50Gi. The API server has checked the form, so anything else is a programming error. */
export function bytesOf(quantity: string): number {
  const [, amount = '', unit = ''] = /^([0-9]+(?:[.][0-9]+)?)([A-Za-z]{0,2})$/.exec(quantity) ?? [];
  const factor = UNITS[unit];
  if (amount === '' || factor === undefined) throw new Error(`not an amount of bytes: ${JSON.stringify(quantity)}`);
  return Math.floor(Number(amount) * factor);
}

/** What a Job for this version may fill; undefined where nothing limits it. `needed` as in Allowance, but of any number. */
export function allowanceOf({ spec }: ModelVersion, needed: readonly string[] | undefined, now: number): Allowance | undefined {
  const limit = spec.storage?.limit;
  if (limit === undefined) return undefined;
  const isKnown = needed !== undefined && needed.length <= MOST_NEEDED;
  return { bytes: bytesOf(limit), needed: isKnown ? needed : undefined, gatheredAtMs: now };
}

/** Whether a copy was made or used so late that who needs it may not have been known. */
export function isRecent(usedAtMs: number, { gatheredAtMs }: Allowance): boolean {
  return usedAtMs > gatheredAtMs - RECENT_MS;
}

/** By how much everything exceeds the allowance once `own` bytes are added; negative while there is room. */
export function excessOf({ copies, growing }: Holding, own: number, { bytes }: Allowance): number {
  return sum(copies) + growing + own - bytes;
}

/**
 * The copies that go so that `excess` bytes become free: the least recently used that nobody needs. None where all of these would not be
 * enough.
 */
export function copiesToRemove({ copies }: Holding, excess: number, allowance: Allowance): readonly HeldCopy[] {
  const { needed } = allowance;
  if (needed === undefined) return [];
  const idle = copies.filter(({ digest, usedAtMs }) => !needed.includes(digest) && !isRecent(usedAtMs, allowance));
  const going: HeldCopy[] = [];
  for (const copy of idle.toSorted((a, b) => a.usedAtMs - b.usedAtMs)) {
    if (sum(going) < excess) going.push(copy);
  }
  return sum(going) < excess ? [] : going;
}

/** Why a copy finds no room, and what can be done about it. */
export function noRoom(claim: string, { copies, growing }: Holding, allowance: Allowance): { readonly ok: false; readonly failure: Failure } {
  const { bytes, needed } = allowance;
  const others = growing === 0 ? '' : `, and ${growing} bytes that other Jobs are copying or have left behind less than 15 minutes ago`;
  return finalFailure(
    'StorageFailed',
    `The copy does not fit into claim ${claim}: spec.storage.limit is ${bytes} bytes, and the claim holds ${copies.length} copies with ` +
      `${sum(copies)} bytes${others}. ${whyStay(copies, needed, allowance)} Delete ModelVersions that are not needed any more, raise ` +
      'spec.storage.limit, or name another claim.',
  );
}

function whyStay(copies: readonly HeldCopy[], needed: readonly string[] | undefined, allowance: Allowance): string {
  if (needed === undefined) {
    return `None is removed, since more than ${MOST_NEEDED} versions in this namespace have their copies there.`;
  }
  const inUse = copies.filter(({ digest }) => needed.includes(digest));
  const recent = copies.filter((copy) => !inUse.includes(copy) && isRecent(copy.usedAtMs, allowance));
  const last = recent.length === 0 ? '' : `, ${recent.length} were made or used within the last hour`;
  return `${inUse.length} of them are of ModelVersions in this namespace${last}, and without the rest there would not be room enough either.`;
}

function sum(copies: readonly HeldCopy[]): number {
  return copies.reduce((total, { bytes }) => total + bytes, 0);
}
