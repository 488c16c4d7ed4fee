import { describe, expect, test } from '@jest/globals';
import { substitutePromql } from '../../../../src/core/analysis/promql.ts';

const names = { namespace: 'team-a', deployment: 'digits', revision: '0a1b2c3d4e', version: 'digits-v2.1' };

describe('substitutePromql', () => {
  test('all four names are put in, with or without spaces, as often as they occur', () => {
    const template = 'sum(x{namespace="{{namespace}}",d="{{ deployment }}",r="{{revision}}",v="{{version}}",again="{{revision}}"})';
    expect(substitutePromql(template, names)).toEqual({
      ok: true,
      promql: 'sum(x{namespace="team-a",d="digits",r="0a1b2c3d4e",v="digits-v2.1",again="0a1b2c3d4e"})',
    });
  });

  test('a query without placeholders stays as it is, braces of PromQL included', () => {
    const promql = 'sum by (a) (rate(x{a=~"b{1,2}"}[5m]))';
    expect(substitutePromql(promql, names)).toEqual({ ok: true, promql });
  });

  test('an unknown name is refused, and the sentence lists the known ones', () => {
    const result = substitutePromql('x{a="{{pod}}"}', names);
    expect(result).toEqual({
      ok: false,
      problem: 'In the query, {{pod}} is unknown: use {{namespace}}, {{deployment}}, {{revision}}, {{version}}.',
    });
    expect(substitutePromql('x{a="{{constructor}}"}', names).ok).toBe(false);
  });

  const hostile = ['a"} or vector(1) #', 'a\\', 'a b', 'a\nb', '', 'ä', '`', "a'", '{{revision}}'];
  test.each(hostile)('the value %j cannot get into a query', (version) => {
    expect(substitutePromql('x{v="{{version}}"}', { ...names, version }).ok).toBe(false);
  });
});
