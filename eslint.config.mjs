import tseslint from 'typescript-eslint';

const noDefaultExport = { selector: 'ExportDefaultDeclaration', message: 'Named exports only: one name for one thing everywhere.' };
const noNewDate = {
  selector: "NewExpression[callee.name='Date'][arguments.length=0]",
  message: 'Time is an argument here: new Date(nowMs). Only main.ts knows what time it is.',
};
const outsideWorld = [
  { object: 'Date', property: 'now', message: 'Time is an argument here. Only main.ts knows what time it is.' },
  { object: 'Math', property: 'random', message: 'Chance is an argument here, so that a test can choose it.' },
  { object: 'process', property: 'env', message: 'Only main.ts reads the environment.' },
  { object: 'process', property: 'argv', message: 'Only main.ts reads arguments.' },
];

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', 'coverage/', 'src/api/generated/', '**/*.mjs'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { project: './test/tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': ['error', noDefaultExport],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // A name that begins with an underscore says that it is there to be left out.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    // The entry points, and the one place where real time comes in.
    ignores: ['src/main.ts', 'src/api/generate.ts', 'src/controller/clock.ts'],
    rules: { 'no-restricted-properties': ['error', ...outsideWorld], 'no-restricted-syntax': ['error', noDefaultExport, noNewDate] },
  },
  {
    files: ['src/core/**/*.ts'],
    rules: { 'no-restricted-globals': ['error', 'fetch', 'performance', 'process', 'queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout'] },
  },
  {
    files: ['test/**/*.ts', 'deploy/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
