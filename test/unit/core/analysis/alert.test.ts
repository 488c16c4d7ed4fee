import { describe, expect, test } from '@jest/globals';
import { matchesAlert } from '../../../../src/core/analysis/alert.ts';

const labels = { alertname: 'HighErrors', namespace: 'team-a', severity: 'page' };
const wish = { namespace: 'team-a', matchLabels: { severity: 'page' }, sinceMs: 10_000 };

describe('matchesAlert', () => {
  test('an alert of the namespace with the labels, active since after the start, counts', () => {
    expect(matchesAlert({ labels, activeAtMs: 10_000 }, wish)).toBe(true);
    const both = { severity: 'page', alertname: 'HighErrors' };
    expect(matchesAlert({ labels, activeAtMs: 11_000 }, { ...wish, matchLabels: both })).toBe(true);
  });

  test('an alert that was active before the release started does not count', () => {
    expect(matchesAlert({ labels, activeAtMs: 9_999 }, wish)).toBe(false);
  });

  test('an alert of another namespace, or of none, does not count, even when the wish asks for that namespace by label', () => {
    const foreign = { labels: { ...labels, namespace: 'team-b' }, activeAtMs: 11_000 };
    expect(matchesAlert(foreign, wish)).toBe(false);
    expect(matchesAlert(foreign, { ...wish, matchLabels: { namespace: 'team-b' } })).toBe(false);
    expect(matchesAlert({ labels: { severity: 'page' }, activeAtMs: 11_000 }, wish)).toBe(false);
  });

  test('one label that differs or is missing is enough not to count', () => {
    expect(matchesAlert({ labels: { ...labels, severity: 'ticket' }, activeAtMs: 11_000 }, wish)).toBe(false);
    expect(matchesAlert({ labels: { namespace: 'team-a' }, activeAtMs: 11_000 }, wish)).toBe(false);
  });

  test('a name that every object inherits is no label', () => {
    expect(matchesAlert({ labels, activeAtMs: 11_000 }, { ...wish, matchLabels: { toString: 'x' } })).toBe(false);
  });
});
