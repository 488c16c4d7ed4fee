// The bench on a small scale: that every part of it does its part. How quick anything is stands in its report, not here.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runBench } from '../bench/bench.ts';
import { renderReport, type Report } from '../bench/report.ts';

const DEPLOYMENTS = 20;
const said: string[] = [];
let report: Report;

beforeAll(async () => {
  report = await runBench({
    deployments: DEPLOYMENTS,
    releases: 6,
    restSeconds: 4,
    pace: { intervalSeconds: 2, holdSeconds: 2 },
    say: (line) => said.push(line),
  });
}, 400_000);

afterAll(() => {
  if (said.at(-1)?.startsWith('rollbacks') !== true) process.stdout.write(`the bench came to: ${said.join('\n')}\n`);
});

describe('the bench', () => {
  test('gives every figure that its report promises', () => {
    const figures = (value: unknown): readonly unknown[] =>
      typeof value === 'object' && value !== null ? Object.values(value).flatMap(figures) : [value];
    const numbers = figures(report).filter((value) => typeof value !== 'string');
    expect(numbers.length).toBeGreaterThan(30);
    expect(numbers.filter((value) => typeof value !== 'number' || !Number.isFinite(value) || value < 0)).toEqual([]);
    expect(report).toMatchObject({ deployments: DEPLOYMENTS, more: { releasesAtOnce: 6 } });
  });

  test('sees an operator that writes nothing while nothing happens', () => {
    expect(report.writesAtRest).toBe(0);
  });

  test('sees each write of a release: every step has a weight and a status of each object at least', () => {
    const { total, steps, byResource } = report.more.release;
    expect(byResource).toMatchObject({ 'create modelreleases': 1, 'patch httproutes': 4, 'delete services': 1 });
    expect(steps).toHaveLength(3);
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(3);
    expect(Object.values(byResource).reduce((sum, count) => sum + count, 0)).toBe(total);
    expect([report.writesPerRelease, report.writesPerStep]).toEqual([total, Math.max(...steps)]);
  });

  test('sees the verdict of a version that turns bad, and what is written because of it', () => {
    expect(report.more.rollback.byResource).toMatchObject({ 'patch httproutes': 2, 'delete deployments': 1 });
    expect(report.more.breachToWriteAloneMs).toBeGreaterThan(0);
    expect(report.breachToWriteMs.p99).toBeGreaterThanOrEqual(report.breachToWriteMs.p50);
    expect(report.more.writesAfterRollback).toBeGreaterThan(0);
  });

  test('sees as many questions to Prometheus with many releases as with one', () => {
    expect(report.queriesPerTick).toBe(report.more.queriesPerTickAlone);
    expect(report.queriesPerTick).toBe(2);
  });

  test('says of each target whether it is met', () => {
    expect(renderReport(report).split('\n')).toHaveLength(9);
    expect(renderReport({ ...report, rssMiB: 201 })).toMatch(/RSS at rest +201 MiB +<= 200 MiB +NOT MET/);
  });
});
