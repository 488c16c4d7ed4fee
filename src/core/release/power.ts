import type { CheckResult } from './evaluation.ts';
import { clip } from './progress.ts';

/** What it is worth that no check spoke against the candidate; undefined where no check can say what it would have caught. */
export function sayPower(results: readonly CheckResult[]): string | undefined {
  const found = results.flatMap(({ name, power }) => (power ? [{ name, power: power() }] : []));
  const listed = (isCaught: boolean): string =>
    found.flatMap(({ name, power: { caught, words } }) => ((caught !== undefined) === isCaught ? [`${words} in ${name}`] : [])).join(' or ');
  const [caught, missed] = [listed(true), listed(false)];
  const said = [
    ...(caught === '' ? [] : [`a candidate ${caught} would have been caught with 90 % probability`]),
    ...(missed === '' ? [] : [`too little was counted to catch ${missed}`]),
  ];
  return said.length === 0 ? undefined : clip(said.join('; '), 1024);
}
