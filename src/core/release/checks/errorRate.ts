import type { CheckKind, CheckSpec } from './kind.ts';
import { marginSettings, readMargins, type Margins } from './settings.ts';
import { compareRates, holdAgainstBaseline } from './twoArms.ts';

/** A share of failed requests that is always good enough, where the user says nothing. */
export const DEFAULT_ERROR_FLOOR = '0.5%';

/** The share of failed requests, compared with stable's. */
export const ERROR_RATE: CheckKind<NonNullable<CheckSpec['errorRate']>, Margins> = {
  reason: 'ErrorRateWorse',
  settings: (spec) => marginSettings(spec, DEFAULT_ERROR_FLOOR),
  read: readMargins,
  basis: () => 'Requests',
  measure: (_, { arms }) => ({ type: 'errors', arms }),
  accuses: () => true,
  certifies: () => true,
  judge: (check, evidence, context) => compareRates(evidence.rows(), check, 0, context),
  watch: (check, evidence, last) => holdAgainstBaseline(evidence.rows(), check, last),
};
