import { describe, expect, test } from '@jest/globals';

import { modelSettings } from '../../../../src/core/version/formats.ts';

function uriFor(format: string, paths: readonly string[]): string | undefined {
  const outcome = modelSettings({ model: 'fraud', version: '1.4.0', format, paths });
  return outcome.ok ? outcome.value?.parameters.uri : outcome.failure.message;
}

describe('the settings for MLServer', () => {
  test('name the model, its version and the file below ./model', () => {
    expect(modelSettings({ model: 'fraud', version: '1.4.0', format: 'sklearn', paths: ['model.joblib'] })).toEqual({
      ok: true,
      value: {
        name: 'fraud',
        implementation: 'mlserver_sklearn.SKLearnModel',
        parameters: { uri: './model/model.joblib', version: '1.4.0' },
      },
    });
  });

  test.each([
    ['sklearn', 'mlserver_sklearn.SKLearnModel', ['model.pkl']],
    ['xgboost', 'mlserver_xgboost.XGBoostModel', ['model.json']],
    ['lightgbm', 'mlserver_lightgbm.LightGBMModel', ['model.bst']],
    ['mlflow', 'mlserver_mlflow.MLflowRuntime', ['MLmodel']],
  ])('of format %s use %s', (format, implementation, paths) => {
    expect(modelSettings({ model: 'fraud', version: '1', format, paths })).toMatchObject({ ok: true, value: { implementation } });
  });

  test.each([
    ['sklearn', ['model.pkl', 'model.joblib', 'other.pkl'], './model/model.joblib'],
    ['sklearn', ['requirements.txt', 'digits.pkl'], './model/digits.pkl'],
    ['sklearn', ['deep/down/digits.joblib', 'README.md'], './model/deep/down/digits.joblib'],
    ['xgboost', ['model.json', 'features.json'], './model/model.json'],
    ['lightgbm', ['model.txt', 'requirements.txt'], './model/model.txt'],
    ['mlflow', ['MLmodel', 'model.pkl', 'nested/MLmodel'], './model'],
    ['mlflow', ['model/MLmodel', 'model/model.pkl'], './model/model'],
  ])('of format %s for %j point at %s', (format, paths, uri) => {
    expect(uriFor(format, paths)).toBe(uri);
  });

  test.each([
    ['sklearn', ['a.pkl', 'b.joblib'], "2 files could be the model: 'a.pkl', 'b.joblib'. Name the model model.joblib"],
    ['sklearn', ['weights.bin'], "no file ends in .joblib, .pkl, .pickle; there are: 'weights.bin'"],
    ['sklearn', ['a', 'b', 'c', 'd', 'e', 'f', 'g'], 'and 2 more'],
    ['mlflow', ['a/MLmodel', 'b/MLmodel'], 'Put the MLmodel file into the root of the version'],
    ['torch', ['model.pt'], "Format 'torch' is not one that preset mlserver writes settings for (sklearn, xgboost, lightgbm, mlflow)"],
    ['constructor', ['model.pt'], "Format 'constructor' is not one"],
  ])('of format %s for %j are refused with a way out', (format, paths, words) => {
    const message = uriFor(format, paths);
    expect(message).toContain(words);
    expect(message).toContain('model-settings.json');
  });

  test('are left to a version that brings its own in its root, whatever its format, and only there', () => {
    expect(modelSettings({ model: 'fraud', version: '1', format: 'torch', paths: ['model-settings.json', 'model.pt'] })).toEqual({
      ok: true,
      value: undefined,
    });
    expect(uriFor('sklearn', ['below/model-settings.json', 'model.pkl'])).toBe('./model/model.pkl');
  });
});
