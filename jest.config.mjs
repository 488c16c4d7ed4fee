// One project per stage of `npm test`. TypeScript is only stripped here; types are checked by `npm run lint`.
const common = {
  rootDir: '.',
  testEnvironment: '<rootDir>/test/runner/jestEnvironment.ts',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } }],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
};

export default {
  projects: ['unit', 'component', 'e2e'].map((name) => ({
    ...common,
    displayName: name,
    testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  })),
};
