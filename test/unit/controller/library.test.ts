// What is used of the Kubernetes client library: connections and credentials. Whatever else it offers has pitfalls (docs/client-pitfalls.md).

import { globSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const sources = globSync('src/**/*.ts').filter((file) => !file.includes('generated'));
const read = (file: string): string => readFileSync(file, 'utf8');

/** Names in imports from the library, by file. */
function importsOf(file: string): readonly string[] {
  return [...read(file).matchAll(/import (?:type )?\{([^}]*)\} from '@kubernetes\/client-node'/g)].flatMap(([, names = '']) =>
    names.split(',').map((name) => name.trim().replace(/^type /, '')),
  );
}

test('pitfall 3: the library is at least 2.0.1, and neither its watch nor its informer is used', () => {
  const { dependencies } = JSON.parse(read('package.json')) as { readonly dependencies: Readonly<Record<string, string>> };
  const [major = 0, minor = 0, patch = 0] = dependencies['@kubernetes/client-node']?.split('.').map(Number) ?? [];
  expect(major * 10_000 + minor * 100 + patch).toBeGreaterThanOrEqual(20_001);
  const used = new Set(sources.flatMap(importsOf));
  expect([...used].filter((name) => name !== '').sort()).toEqual([
    'IsomorphicFetchHttpLibrary',
    'KubeConfig',
    'RequestContext',
    'ResponseContext',
  ]);
});

test('pitfall 18: one file makes requests to the API server, and one line in it chooses the content type of a patch', () => {
  const senders = sources.filter((file) => importsOf(file).includes('IsomorphicFetchHttpLibrary'));
  expect(senders).toEqual(['src/controller/transport.ts']);
  const patches = sources.flatMap((file) =>
    [...read(file).matchAll(/application\/[a-z-]*patch\+[a-z]+/g)].map(([type]) => `${file}: ${type}`),
  );
  expect(patches).toEqual(['src/controller/kubeClient.ts: application/apply-patch+yaml']);
});

test('pitfall 2: everything is an ES module, and no test replaces a module by another one', () => {
  const { type } = JSON.parse(read('package.json')) as { readonly type: string };
  expect(type).toBe('module');
  const tests = globSync('test/**/*.ts');
  expect(tests.length).toBeGreaterThan(100);
  expect(tests.filter((file) => /\bjest\.(unstable_)?(mock|doMock)\w*\(/.test(read(file)))).toEqual([]);
});

test('pitfall 23: nothing that the operator writes carries a finalizer', () => {
  expect(sources.filter((file) => /finalizers['"]?:/.test(read(file)))).toEqual([]);
});
