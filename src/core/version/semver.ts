// Order of versions as https://semver.org/spec/v2.0.0.html gives it: 1.0.0-rc.1 < 1.0.0-rc.2 < 1.0.0 < 1.0.1. One order for every source.

const NUMBER = '0|[1-9][0-9]*';
const PRE_RELEASE = `(?:${NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)`;
const BUILD = '[0-9a-zA-Z-]+';
/** A version without a leading 'v', for patterns that hold one. It has four groups: major, minor, patch and pre-release. */
export const SEMVER = `(${NUMBER})\\.(${NUMBER})\\.(${NUMBER})(?:-(${PRE_RELEASE}(?:\\.${PRE_RELEASE})*))?(?:\\+${BUILD}(?:\\.${BUILD})*)?`;

const WHOLE = new RegExp(`^v?${SEMVER}$`);
const NUMERIC = /^[0-9]+$/;
/** Longer texts are not looked at: no version that people write comes near it. */
const LONGEST = 256;

/** What orders a version. Numbers stay texts, so that none is too large. */
export interface Semver {
  readonly core: readonly string[];
  readonly preRelease: readonly string[];
}

/** The version that a text is, with or without a leading 'v'; undefined when it is none. */
export function parseSemver(text: string): Semver | undefined {
  const match = text.length <= LONGEST ? WHOLE.exec(text) : null;
  if (match === null) return undefined;
  const [, major = '', minor = '', patch = '', preRelease] = match;
  return { core: [major, minor, patch], preRelease: preRelease?.split('.') ?? [] };
}

/** Less than 0 when `left` comes before `right`; 0 for two that differ in nothing but build metadata, which has no order. */
export function compareSemver(left: Semver, right: Semver): number {
  const core = compareLists(left.core, right.core);
  if (core !== 0) return core;
  // A version comes after all of its pre-releases.
  if (left.preRelease.length === 0 || right.preRelease.length === 0) return right.preRelease.length - left.preRelease.length;
  return compareLists(left.preRelease, right.preRelease);
}

/** Identifier by identifier; of two lists of which one begins with the other, the longer one comes later. */
function compareLists(left: readonly string[], right: readonly string[]): number {
  for (const [i, identifier] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    const difference = compareIdentifiers(identifier, other);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Numbers by their value and before everything else, which goes by ASCII. */
function compareIdentifiers(left: string, right: string): number {
  const [isNumber, isOtherNumber] = [NUMERIC.test(left), NUMERIC.test(right)];
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
  if (isNumber && left.length !== right.length) return left.length - right.length;
  return left === right ? 0 : left < right ? -1 : 1;
}
