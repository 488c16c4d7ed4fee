import { catchableRatio } from '../analysis/power.ts';
import type { Comparison } from './checks/kind.ts';
import type { CheckResult } from './evaluation.ts';
import { clip } from './progress.ts';

/** How many times as bad a candidate would have been caught with 90 % probability, to two digits; undefined when none up to 100 would. */
export function catches90({ rows, history, config, alpha }: Comparison): string | undefined {
  const ratio = catchableRatio(rows, history, { ...config, alpha });
  return ratio === undefined ? undefined : String(Number(ratio.toPrecision(2)));
}

/** What it is worth that no check spoke against the candidate; undefined where none compares shares of bad events. */
export function sayPower(results: readonly CheckResult[]): string | undefined {
  const compared = results.flatMap(({ name, comparison }) => (comparison ? [{ name, ratio: catches90(comparison) }] : []));
  const caught = compared.flatMap(({ name, ratio }) => (ratio === undefined ? [] : [`${ratio} times as bad in ${name}`]));
  const missed = compared.flatMap(({ name, ratio }) => (ratio === undefined ? [name] : []));
  const said = [
    ...(caught.length === 0 ? [] : [`a candidate ${caught.join(' or ')} would have been caught with 90 % probability`]),
    ...(missed.length === 0 ? [] : [`too little was counted to catch one 100 times as bad in ${missed.join(' or ')}`]),
  ];
  return said.length === 0 ? undefined : clip(said.join('; '), 1024);
}
