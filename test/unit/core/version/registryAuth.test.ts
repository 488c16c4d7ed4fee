import { describe, expect, test } from '@jest/globals';

import { dockerCredentials, readChallenge, tokenIn } from '../../../../src/core/version/registryAuth.ts';

describe('a challenge', () => {
  const read = (header: string | undefined, registry = 'https://registry.example.com') => {
    const challenge = readChallenge(header, new URL(registry), 'REF');
    return challenge.ok
      ? { ...challenge.value, ...('realm' in challenge.value && { realm: challenge.value.realm.href }) }
      : challenge.failure.message;
  };

  test.each([
    ['Bearer realm="https://auth.example.com/token",service="a b",scope="x"', 'https://auth.example.com/token', 'a b'],
    ['bearer REALM = https_x , realm="https://second"', undefined, undefined],
    ['Basic realm="x", Bearer realm="https://auth.example.com/t?a=1"', 'https://auth.example.com/t?a=1', undefined],
    ['Bearer realm="https://user:secret@auth.example.com/", service="say \\"hi\\""', 'https://auth.example.com/', 'say "hi"'],
  ])('%s is read', (header, realm, service) => {
    if (realm === undefined) expect(read(header)).toContain('at an address that is no http(s) URL');
    else expect(read(header)).toEqual({ scheme: 'bearer', realm, service });
  });

  test('for a password is read', () => {
    expect(read('Basic realm="Registry Realm"')).toEqual({ scheme: 'basic' });
    expect(read('BASIC')).toEqual({ scheme: 'basic' });
  });

  test.each([
    [undefined, 'in a way that is not known'],
    ['', 'in a way that is not known'],
    ['Negotiate abc==', 'in a way that is not known'],
    ['Bearer realm="http://auth.example.com"', 'at an http address, where anyone on the way could read them'],
    ['Bearer realm="/token"', 'at an address that is no http(s) URL'],
    ['Bearer realm="file:///etc/passwd"', 'at an address that is no http(s) URL'],
  ])('%s is refused', (header, problem) => {
    expect(read(header)).toBe(`REF asks for credentials ${problem}.`);
  });

  test('over http may lead to http', () => {
    expect(read('Bearer realm="http://auth:5001/t"', 'http://registry:5000')).toMatchObject({ realm: 'http://auth:5001/t' });
  });
});

describe('a docker config.json', () => {
  const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });
  const find = (auths: unknown, registry = 'registry.example.com:5000', repository = 'risk/fraud') => {
    const found = dockerCredentials(JSON.stringify({ auths }), registry, repository);
    return found.ok ? found.value : found.failure.message;
  };
  const basic = (username: string, password = 'p') => ({ kind: 'basic', username, password });

  test.each([
    ['registry.example.com:5000'],
    ['https://registry.example.com:5000'],
    ['https://Registry.example.com:5000/v2/'],
    ['*.example.com:5000'],
    ['registry.example.com:5000/risk'],
    ['registry.example.com:5000/risk/fraud'],
  ])('has credentials under %s', (key) => {
    expect(find({ 'other.example.com': auth('no:p'), [key]: auth('yes:p:q') })).toEqual(basic('yes', 'p:q'));
  });

  test.each(['registry.example.com', 'example.com:5000', '*', '*.com', 'registry.example.com:5000/ris', 'evil.registry.example.com:5000'])(
    'has none under %s',
    (key) => {
      expect(find({ [key]: auth('no:p') })).toBeUndefined();
    },
  );

  test('has the credentials of the longest key that fits', () => {
    const auths = { 'registry.example.com:5000': auth('all:p'), 'registry.example.com:5000/risk': auth('risk:p') };
    expect(find(auths)).toEqual(basic('risk'));
    expect(find(auths, undefined, 'other')).toEqual(basic('all'));
  });

  test('of Docker Hub is keyed as docker does', () => {
    expect(find({ 'https://index.docker.io/v1/': auth('hub:p') }, 'docker.io')).toEqual(basic('hub'));
    expect(find({ 'docker.io': auth('hub:p') }, 'docker.io')).toEqual(basic('hub'));
  });

  test('holds names and passwords, refresh tokens, or tokens', () => {
    const key = 'registry.example.com:5000';
    expect(find({ [key]: { username: 'a', password: 'p' } })).toEqual(basic('a'));
    expect(find({ [key]: { ...auth('a:p'), identitytoken: 't' } })).toEqual({ kind: 'refreshToken', token: 't' });
    expect(find({ [key]: { registrytoken: 't' } })).toEqual({ kind: 'token', token: 't' });
    expect(find({ [key]: {} })).toContain('has no usable credentials for registry.example.com:5000 in .dockerconfigjson');
    expect(find({ [key]: 'x' })).toContain('has no usable credentials');
  });

  test('that is broken has none', () => {
    expect(dockerCredentials('{', 'a.example.com', 'b')).toEqual({ ok: true, value: undefined });
    expect(find([])).toBeUndefined();
  });
});

test('a token is taken only if it can stand in a header', () => {
  expect(tokenIn('{"token": "a.b"}')).toBe('a.b');
  expect(tokenIn('{"token": "", "access_token": "a.b"}')).toBe('a.b');
  expect(tokenIn('{"token": "a\\r\\nX: y"}')).toBeUndefined();
  expect(tokenIn('[]')).toBeUndefined();
  expect(tokenIn('x')).toBeUndefined();
});
