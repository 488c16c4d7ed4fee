import { describe, expect, test } from '@jest/globals';
import { runCommand } from '../../../src/cli/run.ts';
import { readWish } from '../../../src/cli/simulateWish.ts';

const nothing = { read: () => Promise.reject(new Error('no file is asked for')) };
const run = (...words: readonly string[]): ReturnType<typeof runCommand> => runCommand('simulate', words, nothing);

describe('plimsoll simulate', () => {
  test('starts from the defaults of the product', () => {
    expect(readWish([])).toMatchObject({
      traffic: { requestsPerLook: 600, stableRate: 0.005, candidateRate: 0.01, bursts: 1 },
      plan: {
        steps: [
          { weight: 5, holdMs: 300_000 },
          { weight: 25, holdMs: 600_000 },
          { weight: 50, holdMs: 600_000 },
        ],
        intervalMs: 15_000,
        settleMs: 20_000,
        minRequests: 100,
        evidenceDeadlineMs: 3_600_000,
        promoteWhen: 'NotWorse',
      },
      config: { alpha: 0.01, margin: 0.5, floor: 0.005, tolerance: 0 },
      runs: 1000,
      seed: 1,
    });
  });

  test('says what was asked, what becomes of both candidates, and how long a certificate takes', async () => {
    const { text, code, complaint } = await run('--runs', '5', '--regression', '50%', '--steps', '50%:1m', '--rps', '400');
    expect([code, complaint]).toEqual([0, '']);
    expect(text).toContain("5 releases of each kind (seed 1): 400 requests/s, 0.5% of stable's bad;\n");
    expect(text).toContain('\n50% for 1m; a look every 15s; margin 50%, floor 0.5%, NotWorse.\n');
    expect(text).toMatch(/^ +no difference +50% bad$/m);
    expect(text).toMatch(/^promoted +100% +0%$/m);
    expect(text).toMatch(/^rolled back +0% +100%$/m);
    expect(text).toMatch(/^looks until rolled back, p50 \/ p95 +- +2 \/ 2$/m);
    expect(text).toMatch(/^at 50% +\S+ +\S+$/m);
  });

  test('says nothing of certificates where no step shares the traffic', async () => {
    expect((await run('--runs', '1', '--steps', '0%:30s,100%:30s')).text).not.toContain('certified after');
  });

  test('says the same as JSON, and the same again with the same seed', async () => {
    const words = ['--runs', '3', '--steps', '50%:30s', '--json'];
    const first = await run(...words);
    const parts = { asked: { seed: 1 }, noDifference: { runs: 3 }, regression: { runs: 3 }, certifying: [{ weight: 50 }] };
    expect(JSON.parse(first.text)).toMatchObject(parts);
    expect(await run(...words)).toEqual(first);
    expect(await run(...words, '--seed', '2')).not.toEqual(first);
  });

  test('reads a share in per cent or as a fraction', () => {
    expect(['150%', '100%', '1', '0.5'].map((margin) => readWish(['--margin', margin]).config.margin)).toEqual([1.5, 1, 1, 0.5]);
  });

  test('explains itself', async () => {
    expect(await run('--help')).toMatchObject({ code: 0, text: expect.stringContaining('--promote-when NotWorse') as unknown });
  });

  test.each([
    [['--base', 'many'], "--base is 'many': write a share from 0% to 100%, such as 0.5% or 0.005"],
    [['--base', '101%'], "--base is '101%': write a share from 0% to 100%, such as 0.5% or 0.005"],
    [['--base=-1%'], "--base is '-1%': write a share from 0% to 100%, such as 0.5% or 0.005"],
    [['--regression', '2'], "--regression is '2': write how many times as bad the candidate is, such as 2x"],
    [['--regression', '300x'], "--regression is '300x': of a --base of 0.5% that is more than all requests; write how many times"],
    [['--steps', '50%:5m,25%:5m'], "--steps is '50%:5m,25%:5m': each share must be higher than the one before"],
    [['--steps', '5%:5m,5%:10m'], 'each share must be higher than the one before, as in a ModelDeployment'],
    [['--rps', '0'], "--rps is '0': write a number from 0.001 to 1000000"],
    [['--rps', 'NaN'], "--rps is 'NaN'"],
    [['--rps', '1000000'], 'more than a million requests a look; shorten --interval'],
    [['--steps', '5:5m'], "--steps is '5:5m': write shares with their holds, such as 5%:5m,25%:10m,50%:10m"],
    [['--steps', '5%:5m,200%:1m'], "--steps is '5%:5m,200%:1m'"],
    [['--steps', '5%:soon'], "--steps is 'soon': write a time such as 15s or 1h30m"],
    [['--steps', '50%:100h'], "they are more than 2000 looks; lengthen --interval"],
    [['--interval', '0s'], "--interval is '0s': write a time above 0 such as 15s or 1h30m"],
    [['--promote-when', 'Lucky'], "--promote-when is 'Lucky': write NotWorse or Certified"],
    [['--bursts', '0.5'], "--bursts is '0.5': write a number from 1 to 1000"],
    [['--runs', '1.5'], "--runs is '1.5': write a whole number from 1 to 100000"],
    [['--runs', '100000', '--checks', '20'], 'that would take minutes; write at most'],
    [['--deadline', '99999h'], "--deadline is '99999h': a release that waits so long at each step would take more than 50000 looks; shorten it"],
    [['--deadline', '24h', '--runs', '1200'], 'with these steps, checks and this deadline that would take minutes; write at most 1150'],
    [['--bursts', '2', '--rps', '9999', '--base', '50%'], "--bursts is '2': with this traffic they are more than 1000 groups a look; shorten --interval"],
    [['--margin', '50'], "--margin is '50': write a share from 0% to 10000%, such as 0.5% or 0.005; above 1 in per cent, such as 150%"],
    [['--margins', '5'], "Unknown option '--margins'; there are --base,"],
    [['--base'], "'--base <value>' argument missing"],
    [['fast'], "'fast' is no option: every value comes after its --name"],
  ])('refuses %j', async (words, sentence) => {
    const { text, code, complaint } = await run(...words);
    expect([text, code]).toEqual(['', 2]);
    expect(complaint).toContain(sentence);
    expect(complaint.trimEnd()).not.toContain('\n');
  });
});
