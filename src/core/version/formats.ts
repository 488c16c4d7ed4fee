// Which file of a version is the model, and what MLServer must be told about it.

import { finalFailure, success } from './failure.ts';
import type { Outcome } from './failure.ts';
import { compareBytes } from './paths.ts';
import { quote } from './text.ts';

/** Where a version brings its own settings for MLServer: in its root, and nowhere else. */
export const MODEL_SETTINGS = 'model-settings.json';
/** Folder of a version's files in the volume of a serving pod; the settings lie beside it. */
export const MODEL_FOLDER = 'model';
/** Beside a version's files: what `sha256sum -c` checks them by. Its own sha256 is the version's digest. */
export const CHECKSUMS = 'SHA256SUMS';

/** MLServer's settings for one model. `uri` is relative to the folder that holds the settings. */
export interface ModelSettings {
  readonly name: string;
  readonly implementation: string;
  readonly parameters: { readonly uri: string; readonly version: string };
}

interface Format {
  readonly implementation: string;
  /** Names in the root that settle it, the first that is there. */
  readonly names: readonly string[];
  /** Otherwise the only file with one of these endings, wherever it lies. */
  readonly endings: readonly string[];
}

const FILE_FORMATS: Readonly<Record<string, Format>> = {
  sklearn: {
    implementation: 'mlserver_sklearn.SKLearnModel',
    names: ['model.joblib', 'model.pkl', 'model.pickle'],
    endings: ['.joblib', '.pkl', '.pickle'],
  },
  xgboost: {
    implementation: 'mlserver_xgboost.XGBoostModel',
    names: ['model.ubj', 'model.json', 'model.bst'],
    endings: ['.ubj', '.json', '.bst'],
  },
  lightgbm: { implementation: 'mlserver_lightgbm.LightGBMModel', names: ['model.bst', 'model.txt'], endings: ['.bst'] },
};

const MLFLOW_IMPLEMENTATION = 'mlserver_mlflow.MLflowRuntime';

/** Formats for which settings can be written. */
const FORMAT_NAMES: readonly string[] = [...Object.keys(FILE_FORMATS), 'mlflow'];

/** What is known about a version when its settings are made. `paths` are all its files, relative to its root. */
export interface SettingsInput {
  readonly model: string;
  readonly version: string;
  readonly format: string;
  readonly paths: readonly string[];
}

/**
 * MLServer's settings for a version whose files lie in ./model beside them; undefined when the version brings its own
 * in its root. Fails with FormatUnclear when the model cannot be told from its other files.
 */
export function modelSettings(input: SettingsInput): Outcome<ModelSettings | undefined> {
  if (input.paths.includes(MODEL_SETTINGS)) return success(undefined);
  if (input.format === 'mlflow') return mlflowSettings(input);
  const format = Object.hasOwn(FILE_FORMATS, input.format) ? FILE_FORMATS[input.format] : undefined;
  if (format === undefined) {
    return finalFailure(
      'FormatUnclear',
      `Format ${quote(input.format)} is not one that preset mlserver writes settings for (${FORMAT_NAMES.join(', ')}). ` +
        `Set spec.format.name to one of them, or put a ${MODEL_SETTINGS} into the root of the version.`,
    );
  }
  const named = format.names.find((name) => input.paths.includes(name));
  if (named !== undefined) return success(settings(input, format.implementation, `./model/${named}`));
  const candidates = input.paths.filter((path) => format.endings.some((ending) => path.endsWith(ending)));
  if (candidates.length === 1) return success(settings(input, format.implementation, `./model/${candidates[0] ?? ''}`));
  return unclear(input, candidates, `Name the model ${format.names[0] ?? ''}`, format.endings.join(', '));
}

/** An MLflow model is the folder that holds its MLmodel file: the root, or the only such folder. */
function mlflowSettings(input: SettingsInput): Outcome<ModelSettings | undefined> {
  if (input.paths.includes('MLmodel')) return success(settings(input, MLFLOW_IMPLEMENTATION, './model'));
  const candidates = input.paths.filter((path) => path.endsWith('/MLmodel'));
  const only = candidates.length === 1 ? candidates[0] : undefined;
  if (only !== undefined) return success(settings(input, MLFLOW_IMPLEMENTATION, `./model/${only.slice(0, -'/MLmodel'.length)}`));
  return unclear(input, candidates, 'Put the MLmodel file into the root of the version', 'MLmodel');
}

function settings(input: SettingsInput, implementation: string, uri: string): ModelSettings {
  return { name: input.model, implementation, parameters: { uri, version: input.version } };
}

function unclear(input: SettingsInput, candidates: readonly string[], wayOut: string, wanted: string): ReturnType<typeof finalFailure> {
  const found = (candidates.length > 0 ? candidates : input.paths).toSorted(compareBytes);
  const shown = found.slice(0, 5).map(quote).join(', ') + (found.length > 5 ? ` and ${found.length - 5} more` : '');
  const what =
    candidates.length > 0 ? `${candidates.length} files could be the model: ${shown}` : `no file ends in ${wanted}; there are: ${shown}`;
  return finalFailure(
    'FormatUnclear',
    `Format ${quote(input.format)} needs one model file, but ${what}. ${wayOut}, or put a ${MODEL_SETTINGS} into the root of the version.`,
  );
}
