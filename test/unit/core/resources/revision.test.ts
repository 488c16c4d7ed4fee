import { describe, expect, test } from '@jest/globals';
import { childName, targetRevision, type Snapshot } from '../../../../src/core/resources/revision.ts';
import type { TemplateInputs } from '../../../../src/core/resources/template.ts';

const INPUTS: TemplateInputs = {
  model: 'fraud',
  version: '1.4.0',
  digest: `sha256:${'0'.repeat(64)}`,
  format: { name: 'sklearn' },
  source: { http: { url: 'https://models.example.com/fraud.tar.gz' } },
  preset: 'mlserver',
  template: { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.1' }] } },
  drain: '30s',
};

const OWN = {
  preset: 'custom',
  custom: { port: 8000, probe: { path: '/predict' } },
  template: { spec: { containers: [{ name: 'model', image: 'own:1', readinessProbe: { tcpSocket: { port: 8000 } } }] } },
} satisfies Partial<TemplateInputs>;

function revisionOf(change: Partial<TemplateInputs> = {}, known: readonly Snapshot[] = [], image = 'plimsoll:1'): Snapshot {
  const target = targetRevision({ ...INPUTS, ...change }, known, { image, imagePullPolicy: 'IfNotPresent' });
  if (!target.ok) throw new Error(target.message);
  return target.snapshot;
}

describe('a revision', () => {
  test('is ten hexadecimal characters, the same for the same inputs in any order of keys', () => {
    const { revision } = revisionOf();
    expect(revision).toMatch(/^[0-9a-f]{10}$/);
    expect(revisionOf({ template: { spec: { containers: [{ image: 'mlserver:1.7.1', name: 'model' }] } } }).revision).toBe(revision);
  });

  test.each([
    ['other bytes', { digest: `sha256:${'1'.repeat(64)}` }],
    ['another image', { template: { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.2' }] } } }],
    ['another argument', { template: { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.1', args: ['x'] }] } } }],
    ['another drain', { drain: '2m' }],
    ['another Secret', { secretName: 'other' }],
    [
      'another variable',
      { template: { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.1', env: [{ name: 'A', value: '1' }] }] } } },
    ],
    [
      'another limit',
      { template: { spec: { containers: [{ name: 'model', image: 'mlserver:1.7.1', resources: { limits: { memory: '1Gi' } } }] } } },
    ],
    ['another preset', OWN],
  ] satisfies [string, Partial<TemplateInputs>][])('is another one with %s', (_, change) => {
    expect(revisionOf(change).revision).not.toBe(revisionOf().revision);
  });

  test.each([
    ['another port', { port: 9000 }],
    ['another model path', { modelPath: '/models' }],
    ['another probe', { probe: { path: '/other' } }],
  ])('of a server of its own is another one with %s', (_, change) => {
    expect(revisionOf({ ...OWN, custom: { ...OWN.custom, ...change } }).revision).not.toBe(revisionOf(OWN).revision);
  });

  // An upgrade that changed it would release anew in every deployment whose record of the revision is gone.
  test('of an mlserver deployment has the name that it has always had', () => {
    expect(revisionOf()).toMatchObject({ revision: '0803762712', inputs: 'ddcc1d66f2cc4ab1' });
  });

  test('stays as it was rendered when a newer operator, with another image, sees the same inputs', () => {
    const before = revisionOf();
    expect(revisionOf({}, [], 'plimsoll:2').revision).not.toBe(before.revision);
    expect(revisionOf({}, [before], 'plimsoll:2')).toEqual(before);
  });

  test('without a claim is the one that operators before claims rendered', () => {
    expect(revisionOf()).toMatchObject({ revision: '0803762712', inputs: 'ddcc1d66f2cc4ab1' });
    expect(revisionOf({ secretName: 'store' })).toMatchObject({ revision: 'f286bfc009', inputs: 'f88f603bef79022e' });
  });

  test('stays as it was rendered when the version is given storage, and reads it when it is rendered first', () => {
    const operator = { image: 'plimsoll:1', imagePullPolicy: 'IfNotPresent' };
    const before = revisionOf();
    expect(targetRevision(INPUTS, [before], operator, 'copies')).toEqual({ ok: true, snapshot: before });
    const first = targetRevision(INPUTS, [], operator, 'copies');
    if (!first.ok) throw new Error(first.message);
    expect(first.snapshot.inputs).toBe(before.inputs);
    expect(JSON.stringify(first.snapshot.template)).toContain('"claimName":"copies"');
  });

  test('is rendered anew by a newer operator when the user changes something', () => {
    const before = revisionOf();
    expect(JSON.stringify(revisionOf({ version: '1.5.0', digest: `sha256:${'2'.repeat(64)}` }, [before], 'plimsoll:2').template)).toContain(
      'plimsoll:2',
    );
  });

  test('names its children after the deployment', () => {
    expect(childName('fraud', '3f9a1c07be')).toBe('fraud-3f9a1c07be');
  });

  test('of a template that is refused is none', () => {
    expect(targetRevision({ ...INPUTS, template: {} }, [], { image: 'x', imagePullPolicy: 'Always' })).toMatchObject({ ok: false });
  });
});
