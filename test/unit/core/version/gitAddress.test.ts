import { describe, expect, test } from '@jest/globals';

import { parseGitAddress } from '../../../../src/core/version/gitAddress.ts';

const FIELD = 'spec.source.git.repository';

function parse(text: string) {
  const address = parseGitAddress(text, FIELD);
  if (!address.ok) throw new Error(address.failure.message);
  return address.value;
}

describe('the address of a repository', () => {
  test.each([
    ['https://git.example.com/risk/fraud.git', 'https://git.example.com/risk/fraud.git'],
    ['https://git.example.com:8443/risk/fraud/', 'https://git.example.com:8443/risk/fraud'],
    ['HTTP://Gitea.git:3000/a%20b', 'http://gitea.git:3000/a%20b'],
  ])('%s is one on the web', (text, shown) => {
    expect(parse(text)).toMatchObject({ kind: 'http', shown, url: new URL(shown) });
  });

  test.each([
    ['git@git.example.com:risk/fraud.git', 'git', 'git.example.com', 22, 'risk/fraud.git'],
    ['ssh://git@git.example.com/risk/fraud.git', 'git', 'git.example.com', 22, '/risk/fraud.git'],
    ['ssh://git.example.com:2222/~ada/fraud', 'git', 'git.example.com', 2222, '~ada/fraud'],
    ['ssh://ada@[::1]:22/a%20b', 'ada', '::1', 22, '/a b'],
    ['ada@[::1]:~/x', 'ada', '::1', 22, '~/x'],
  ])('%s is one that is reached by SSH', (text, user, host, port, path) => {
    expect(parse(text)).toEqual({ kind: 'ssh', user, host, port, path, shown: text });
  });

  test.each([
    ['file:///', '', 'file:///'],
    ['file:///team/fraud.git/', 'team/fraud.git', 'file:///team/fraud.git/'],
    ['file:///../../etc', 'etc', 'file:///etc'],
    ['file:///a%20b', 'a b', 'file:///a%20b'],
  ])('%s is one in a claim', (text, path, shown) => {
    expect(parse(text)).toEqual({ kind: 'file', path, shown });
  });

  test.each([
    '',
    'fraud',
    '/srv/git/fraud',
    './fraud',
    'ext::sh -c id',
    'ext::sh',
    'ext::git@host:x',
    'fd::3',
    'git://git.example.com/x',
    'ftp://git.example.com/x',
    '--upload-pack=touch@x:y',
    'file://host/x',
    'file:///x?y',
    'https://git.example.com',
    'https://git.example.com/',
    'https://git.example.com/x?y=z',
    'https://git.example.com/x#y',
    'https://',
    'https://git.example.com/a b',
    'https://git.example.com/ä',
    'https://git.example.com/\nx',
    `https://git.example.com/${'x'.repeat(512)}`,
    'ssh://-oProxyCommand=id/x',
    'ssh://git@git.example.com/',
    'ssh://git@git.example.com',
    'ssh://git@git.example.com/x%00y',
    'ssh://git@git.example.com/x%0ay',
    'ssh://git@git.example.com/%',
    'ssh://a%20b@git.example.com/x',
    'a@-oX:y',
    '-a@b:c',
    'a@b:-c',
    'a@b:',
    'a@b c:d',
    'a@b://c',
  ])('%j is refused by a sentence that names the field', (text) => {
    const address = parseGitAddress(text, FIELD);
    expect(address).toMatchObject({ ok: false, failure: { reason: 'InvalidSource', retryable: false } });
    expect(address.ok ? '' : address.failure.message).toMatch(/^spec\.source\.git\.repository .*[^ ]\.$/s);
  });

  test.each(['https://ada:s3cret@git.example.com/x', 'https://s3cret@git.example.com/x', 'ssh://git:s3cret@git.example.com/x'])(
    '%s holds a password, which no sentence repeats',
    (text) => {
      const address = parseGitAddress(text, FIELD);
      expect(address.ok ? '' : address.failure.message).toContain('holds a password');
      expect(JSON.stringify(address)).not.toContain('s3cret');
    },
  );
});
