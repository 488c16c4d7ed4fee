// Twenty releases of versions that are all the same, with 0.5 % of errors in bursts: none is rolled back.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BURSTY, openEvidence } from '../support/evidenceScene.ts';
import type { Scenario } from '../support/scenario.ts';

const RELEASES = 20;
const VERSIONS = Array.from({ length: RELEASES + 1 }, (_, index) => String(index + 1));

let scene: Scenario;

beforeAll(async () => {
  const behaviours = Object.fromEntries(VERSIONS.map((version) => [version, BURSTY]));
  ({ scene } = await openEvidence('equal', 2, behaviours, [[5, '10s'], [25, '10s'], [50, '10s']]));
}, 300_000);

afterAll(async () => {
  await scene.close();
}, 30_000);

test.each(VERSIONS.slice(1).map((version, index) => [index + 2, version] as const))(
  'release %i is not rolled back',
  async (number, version) => {
    const started = Date.now();
    await scene.release(version);
    const release = await scene.finished(number, 300_000);
    const { candidateBad, candidateRequests } = release.status?.checks?.[0]?.evidence ?? {};
    console.log(`release ${number}: ${release.status?.outcome}, ${Math.round((Date.now() - started) / 1000)} s, ${candidateBad} of ${candidateRequests} failed`);
    expect(release.status?.outcome).toBe('Promoted');
  },
  320_000,
);
