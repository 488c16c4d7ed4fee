import { describe, expect, test } from '@jest/globals';
import type { CommandName } from '../../../src/cli/run.ts';
import { runCommand } from '../../../src/cli/run.ts';

const HEADER = 'stable_requests,stable_bad,candidate_requests,candidate_bad';
const name: CommandName = 'analyze';

function analyze(lines: readonly string[], ...words: readonly string[]): ReturnType<typeof runCommand> {
  return runCommand(name, ['counts.csv', ...words], { read: () => Promise.resolve(lines.join('\n')) });
}

interface Answer {
  readonly verdict: string;
  readonly logE: number;
  readonly metrics: readonly { readonly series: readonly number[]; readonly phi: number }[];
}

async function answer(lines: readonly string[], ...words: readonly string[]): Promise<Answer> {
  return JSON.parse((await analyze(lines, ...words, '--json')).text) as Answer;
}

describe('plimsoll analyze', () => {
  test('computes what a hand computes', async () => {
    // No history: phi = 10 x 3 / 10. One bad event in all, of which half would be the candidate's: k = m = 1/3, q = 1/2, and each
    // alternative x has the likelihood ratio (x / (1 + (x - 1) / 2))^(1/3). Half of the prior mass is on "bad from the first row".
    const ratios = [1.25, 1.5, 2, 3, 5, 10, 30, 100].map((x) => Math.cbrt((2 * x) / (1 + x)));
    const e = 0.5 * (ratios.reduce((sum, ratio) => sum + ratio, 0) / 8) + 0.5;
    const { verdict, logE, metrics } = await answer([HEADER, '100,0,100,1'], '--floor', '0');
    expect(verdict).toBe('continue');
    expect(logE).toBeCloseTo(Math.log(e), 12);
    expect(metrics[0]?.phi).toBe(3);
  });

  test('keeps the place of looks without data, and passes over blank lines', async () => {
    const { metrics } = await answer([HEADER, '100,0,100,1', ',,,', '100,0,,', '', '100,0,100,1', '']);
    expect(metrics[0]?.series).toHaveLength(4);
    expect(metrics[0]?.series[1]).toBe(metrics[0]?.series[0]);
    expect(metrics[0]?.series[2]).toBe(metrics[0]?.series[0]);
    expect(metrics[0]?.series[3]).not.toBe(metrics[0]?.series[0]);
  });

  test.each([
    ['abort', 3, Array.from({ length: 5 }, () => '950,5,50,25')],
    ['suspect', 4, ['950,5,50,25']],
    ['nodata', 5, [',,,', '900,4,0,0']],
    ['continue', 0, ['950,5,50,0']],
    ['pass', 0, Array.from({ length: 20 }, () => '50000,250,50000,250')],
  ])('says %s with exit code %p and the sentence', async (verdict, code, rows) => {
    const { text, code: actual } = await analyze([HEADER, ...rows]);
    expect(actual).toBe(code);
    expect(text).toMatch(new RegExp(`^'bad events': ${verdict}\n {2}(candidate \\d|no requests)`));
  });

  test('learns bursts from the looks before the release', async () => {
    const before = Array.from({ length: 20 }, (_, look) => `1000,${look % 2 === 0 ? 20 : 0},,`);
    const { metrics } = await answer([HEADER, ...before, '950,5,50,1'], '--history', '20');
    expect(metrics[0]?.series).toHaveLength(1);
    expect(metrics[0]?.phi).toBeGreaterThan(5);
  });

  test('decides several metrics together, matched by time', async () => {
    const lines = [
      `time,metric,${HEADER}`,
      '2026-01-31T12:00:00Z,errors,950,5,50,25',
      '2026-01-31T12:00:00Z,"slow, very",950,9,50,1',
      '2026-01-31T12:00:15Z,errors,950,5,50,25',
      '2026-01-31T12:00:30Z,errors,950,5,50,25',
      '2026-01-31T12:00:30Z,"slow, very",950,9,50,1',
    ];
    const { text, code } = await analyze(lines);
    expect(code).toBe(3);
    expect(text).toContain("'slow, very': continue");
    expect(text).toContain("all together: abort, log e");
    expect(text).toContain("the most evidence is that of 'errors'");
    const { metrics } = await answer(lines);
    expect(metrics.map(({ series }) => series.length)).toEqual([3, 3]);
  });

  test.each([
    [['a,b'], 'line 1: the header has no stable_requests, stable_bad, candidate_requests, candidate_bad; the columns are'],
    [[HEADER.replaceAll(',', ';'), '1;0;1;0'], "line 1 is 'stable_requests;stable_bad;candidate_requests;candidate_bad': cells are separated by commas"],
    [[`${HEADER}\r1,0,1,0`], "line 1 is 'stable_requests,stable_bad,candidate_requests,candidate_bad\\u{d}1,0,1,0': cells are separated"],
    [['', ''], 'the file is empty; its first line names the columns stable_requests, stable_bad,'],
    [[`metric,${HEADER}`, ',1,0,1,0'], 'line 2, column metric is empty; name the metric'],
    [[`metrics,${HEADER}`, 'a,1,0,1,0'], "line 1: column 'metrics' is not known; the columns are stable_requests, stable_bad,"],
    [[`${HEADER},`, '1,0,1,0,'], "line 1: column '' is not known"],
    [[`${HEADER},metric,metric`], "line 1: column 'metric' is there twice"],
    [[HEADER], 'the file has a header and nothing else'],
    [[HEADER, '1,0,1,0', '1,x,1,0'], "line 3, column stable_bad is 'x'; write how many were counted"],
    [[HEADER, '1,0,-1,0'], "line 2, column candidate_requests is '-1'"],
    [[HEADER, '1,0,NaN,0'], "line 2, column candidate_requests is 'NaN'"],
    [[HEADER, '1e99,0,1,0'], "line 2, column stable_requests is '1e99'"],
    [[HEADER, '10,0,10,11'], 'line 2, column candidate_bad is 11, more than its 10 requests; mend the order of the columns'],
    [[HEADER, '10,0,10'], 'line 2 has 3 cells and the header has 4'],
    [[HEADER, '10,0,1"0,1'], 'line 2, column 3: a quotation mark is in the wrong place'],
    [[HEADER, `${' '.repeat(4000)}"`], 'line 2, column 1: a quotation mark is in the wrong place'],
    [[HEADER, '1'.repeat(5000)], 'line 2 is longer than 4096 characters'],
    [[`time,${HEADER}`, 'noon,1,0,1,0'], "line 2, column time is 'noon'; write a time with its zone, such as"],
    [[`time,${HEADER}`, '2026-01-31T12:00:15,1,0,1,0'], "line 2, column time is '2026-01-31T12:00:15'; write a time with its zone"],
    [[`time,${HEADER}`, '1 May 2026,1,0,1,0'], "line 2, column time is '1 May 2026'; write a time with its zone"],
    [[`time,${HEADER}`, '2026-13-01T12:00Z,1,0,1,0'], "line 2, column time is '2026-13-01T12:00Z'; write a time with its zone"],
    [[`time,${HEADER}`, '15,1,0,1,0', '0,1,0,1,0'], "line 3, column time is '0', before '15'; sort the file by time"],
    [[`time,${HEADER}`, '15,1,0,1,0', '15,1,0,1,0'], "line 3: metric 'bad events' has two lines for time '15'"],
    [[`metric,${HEADER}`, 'a,1,0,1,0', 'b,1,0,1,0', 'b,1,0,1,0'], "metric 'a' has 1 lines and metric 'b' has 2 lines"],
    [[`metric,${HEADER}`, ...Array.from({ length: 51 }, (_, i) => `m${i},1,0,1,0`)], "line 52: metric 'm50' is one more than 50"],
    [[HEADER, ...Array.from({ length: 100_002 }, () => '1,0,1,0')], 'the file has more than 100000 lines'],
  ])('refuses what cannot be counts (%#)', async (lines, sentence) => {
    const { text, code, complaint } = await analyze(lines);
    expect([text, code]).toEqual(['', 2]);
    expect(complaint).toContain(sentence);
  });

  test.each([
    [[], 'no file is named; name one, or - for the standard input'],
    [['a', 'b'], '2 files are named'],
    [['a', '--alpha', '0'], "--alpha is '0': write a share between 0% and 100%"],
    [['a', '--tolerance', '25'], "--tolerance is '25': write a share from 0% to 10000%, such as 0.5% or 0.005; above 1 in per cent"],
    [['a', '--margin', 'x'], "--margin is 'x': write a share from 0% to 10000%"],
    [['a', '--history', '1'], "--history is '1': 'a' has 1 looks, and at least one must be of the release"],
  ])('refuses %j', async (words, sentence) => {
    const { code, complaint } = await runCommand(name, words, { read: () => Promise.resolve(`${HEADER}\n1,0,1,0`) });
    expect(code).toBe(2);
    expect(complaint).toContain(sentence);
  });
});
