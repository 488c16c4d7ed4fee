// The order of dependence: main -> cli, controller, observe, apply, metrics, sources, telemetry -> core -> api.
// `npm run lint` cruises src, test and deploy with these rules; test/component/boundaries.test.ts shows that each of them bites.
export default {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-dead-ends', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'only-declared-packages',
      comment: 'A package that is there only because another one needs it can go with any update.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    { name: 'api-stands-alone', severity: 'error', from: { path: '^src/api/' }, to: { path: '^src/(?!api/)' } },
    { name: 'core-is-pure', severity: 'error', from: { path: '^src/core/' }, to: { path: '^src/(?!core/|api/)' } },
    {
      name: 'core-does-no-io',
      comment: 'node:crypto (for sha256) and node:zlib compute; they do not touch the world.',
      severity: 'error',
      from: { path: '^src/core/' },
      to: { dependencyTypes: ['npm', 'core'], pathNot: '^(node:)?(crypto|zlib)$' },
    },
    { name: 'only-main-wires', severity: 'error', from: { path: '^src/(?!main\\.ts)' }, to: { path: '^src/main\\.ts$' } },
    {
      name: 'only-main-starts-commands',
      comment: 'What the operator and a command share belongs to core.',
      severity: 'error',
      from: { path: '^src/(?!main\\.ts|cli/)' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'controller-knows-no-model',
      severity: 'error',
      from: { path: '^src/controller/' },
      to: { path: '^src/(core|observe|apply|metrics|sources)/' },
    },
    { name: 'telemetry-knows-no-model', severity: 'error', from: { path: '^src/telemetry/' }, to: { path: '^src/(?!telemetry/|api/)' } },
    { name: 'product-knows-no-tests', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|deploy)/' } },
    {
      name: 'no-development-packages',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/api/generate\\.ts$' },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: { doNotFollow: { path: 'node_modules' }, tsPreCompilationDeps: true, tsConfig: { fileName: 'tsconfig.json' } },
};
