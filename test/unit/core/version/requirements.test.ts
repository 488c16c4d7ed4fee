import { describe, expect, test } from '@jest/globals';
import { markerEnvironment, markerHolds } from '../../../../src/core/version/markers.ts';
import { parseRequirement, parseRequirements } from '../../../../src/core/version/requirements.ts';

describe('a requirement', () => {
  test.each([
    ['scikit-learn==1.7.2', { name: 'scikit-learn', specifier: '==1.7.2' }],
    ['PyYAML', { name: 'pyyaml' }],
    ['zope.interface_x--y >= 5.0 , < 6', { name: 'zope-interface-x-y', specifier: '>=5.0,<6' }],
    ['uvicorn[standard, "x"]==0.30', { name: 'uvicorn', specifier: '==0.30' }],
    ['requests (>=2.8.1)', { name: 'requests', specifier: '>=2.8.1' }],
    ['torch==2.5.1+cu121', { name: 'torch', specifier: '==2.5.1+cu121' }],
    ['numpy==1.26.*;python_version<"3.12"', { name: 'numpy', specifier: '==1.26.*', marker: 'python_version<"3.12"' }],
    ['pywin32 ; sys_platform  == "win32"', { name: 'pywin32', marker: 'sys_platform == "win32"' }],
    ['fraud @ git+https://token@git.example.com/fraud.git;a=b ; os_name == "posix"', { name: 'fraud', marker: 'os_name == "posix"' }],
    ['fraud@https://git.example.com/fraud.whl#sha256=00', { name: 'fraud' }],
  ])('%s', (text, requirement) => {
    expect(parseRequirement(text)).toEqual(requirement);
  });

  test.each(['', '==1', 'numpy=1', 'numpy 1.0', 'numpy==', 'a b', '-x', '_x==1', 'x_', 'numpy>=1,*', `x==${'1'.repeat(2000)}`, 'é==1'])(
    'is none: %j',
    (text) => {
      expect(parseRequirement(text)).toBeUndefined();
    },
  );
});

describe('a requirements.txt', () => {
  test('as pip freeze, pip-compile and poetry write it', () => {
    const text = [
      '\ufeff# made by pip-compile',
      '--index-url https://user:hush@pypi.example.com/simple',
      'numpy==2.3.1 \\',
      '    --hash=sha256:00 \\',
      '    --hash=sha256:11',
      '    # via scikit-learn',
      'pandas==2.2.0 ; python_version >= "3.9" and python_version < "4.0"  # pinned\r',
      '',
      'joblib==1.4.2\r',
    ].join('\n');
    expect(parseRequirements(text.replace('\ufeff', ''))).toEqual({
      packages: [
        { name: 'numpy', specifier: '==2.3.1' },
        { name: 'pandas', specifier: '==2.2.0', marker: 'python_version >= "3.9" and python_version < "4.0"' },
        { name: 'joblib', specifier: '==1.4.2' },
      ],
      skipped: [],
    });
  });

  test('with what nobody can compare says so, without an address', () => {
    const text = [
      '-r more.txt',
      '--requirement=requirements.txt',
      '-c limits.txt',
      '-e .',
      'git+https://oauth2:hush@git.example.com/fraud.git#egg=fraud',
      './wheels/fraud-1.0-py3-none-any.whl',
      'fraud-1.0-py3-none-any.whl',
      'what is this',
    ].join('\n');
    const { packages, skipped } = parseRequirements(text, ['requirements.txt']);
    expect(packages).toEqual([]);
    expect(skipped).toEqual([
      'another file of requirements (-r)',
      'a file of constraints (-c)',
      'an editable package (-e)',
      'a package by its address',
      'a package by its address',
      'a package by its address',
      'what is this',
    ]);
  });

  test('of anything at all is read in the end', () => {
    const hostile = [
      '\\\n'.repeat(50_000),
      '['.repeat(200_000),
      `a${'-'.repeat(200_000)}`,
      'a==1,'.repeat(40_000),
      '#'.repeat(200_000),
      'a @'.repeat(50_000),
    ];
    for (const text of hostile) expect(parseRequirements(text).packages.length).toBeLessThan(2);
    expect(parseRequirements('__proto__==1\nconstructor==1').packages).toEqual([{ name: 'constructor', specifier: '==1' }]);
  });
});

describe('a marker', () => {
  const environment = markerEnvironment('3.11.9', 'x86_64');

  test.each<[marker: string, holds: boolean | undefined]>([
    ['python_version >= "3.9" and python_version < "4.0"', true],
    ["python_version<'3.10'", false],
    ['python_full_version == "3.11.9"', true],
    ['sys_platform == "win32" or platform_system == "Linux"', true],
    ['sys_platform == "win32" or os_name == "nt" and python_version > "3"', false],
    ['(sys_platform == "win32" or os_name == "posix") and platform_machine in "x86_64 aarch64"', true],
    ['platform_machine not in "x86_64"', false],
    ['"3.11" in python_full_version', true],
    ['extra == "test"', false],
    ['implementation_name != "pypy"', true],
    ['platform_python_implementation === "CPython"', true],
    ['python_version ~= "3.8"', true],
    ['sys_platform < "m"', undefined],
    ['colour == "red"', undefined],
    ['__proto__ == "x"', undefined],
    ['python_version', undefined],
    ['python_version > "3" python_version', undefined],
    ['(python_version > "3"', undefined],
    ['', undefined],
    ['('.repeat(40) + 'os_name == "posix"' + ')'.repeat(40), undefined],
    ['os_name == "posix" and '.repeat(100) + 'os_name == "posix"', undefined],
    ['os_name == "x', undefined],
  ])('%s: %s', (marker, holds) => {
    expect(markerHolds(marker, environment)).toBe(holds);
  });
});
