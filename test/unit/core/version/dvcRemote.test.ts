import { describe, expect, test } from '@jest/globals';

import { objectPath, parseConfig, remoteOf, type Remote } from '../../../../src/core/version/dvcRemote.ts';

const CONFIG = `
# of the team
[core]
    Remote = Store   # the default one
    autostage = true
['remote "store"']
    url = s3://models/dvc//
    endpointurl = "http://minio:9000"
    region = eu-west-1
['remote "Web"']
    url = "https://user:hush@data.example.com/dvc/?token=hush#x"
[remote "below"]
    url = remote://store/below/
    region = eu-west-2
['remote "versions"']
    url = s3://models
    version_aware = true
['remote "tree"']
    url = s3://models/a b
    worktree = True
['remote "disk"']
    url = ../../storage
['remote "cloud"']
    url = gs://bucket/x
['remote "none"']
    region = x
['remote "a"']
    url = remote://b/x
['remote "b"']
    url = remote://a/x
[[nested]]
    url = x
no setting
= nothing
`;

function remote(name?: string, text = CONFIG): Remote {
  const found = remoteOf(parseConfig(text), name);
  if (!found.ok) throw new Error(found.failure.message);
  return found.value;
}

function refusal(name?: string, text = CONFIG): string {
  const found = remoteOf(parseConfig(text), name);
  return found.ok ? JSON.stringify(found.value) : found.failure.message;
}

describe('the remotes of .dvc/config', () => {
  test('are found by name, whatever its case, and by default', () => {
    const place = { bucket: 'models', prefix: 'dvc', endpoint: 'http://minio:9000', region: 'eu-west-1' };
    const store = { kind: 's3', name: 'store', ...place, isVersionAware: false };
    expect(remote()).toEqual(store);
    expect(remote('STORE')).toEqual(store);
    expect(remote('below')).toEqual({ ...store, name: 'below', prefix: 'dvc/below', region: 'eu-west-2' });
  });

  test('are told without what may be a password', () => {
    expect(remote('web')).toEqual({ kind: 'http', name: 'web', url: 'https://data.example.com/dvc' });
  });

  test('say whether the bucket keeps the versions', () => {
    expect(remote('versions')).toMatchObject({ prefix: '', isVersionAware: true });
    expect(remote('tree')).toMatchObject({ prefix: 'a b', isVersionAware: true });
  });

  test.each([
    ['disk', "The remote 'disk' is a folder on somebody's machine, which no pod can reach: add one that is reached over the network"],
    ['cloud', "The remote 'cloud' is of the kind 'gs', which is not read. Use one at https:// or s3://."],
    ['other', ".dvc/config knows no remote 'other' with a url."],
    ['none', ".dvc/config knows no remote 'none' with a url."],
    ['a', ".dvc/config has remotes that refer to each other in a circle: 'a'."],
  ])('that cannot be read say why: %s', (name, message) => {
    expect(refusal(name)).toContain(message);
  });

  test('must be named where there is no default one', () => {
    const text = CONFIG.replace('[core]', '[other]');
    const wayOut = "name one of its remotes in spec.source.dvc.remote ('store', 'web',";
    expect(refusal(undefined, text)).toContain(`names no default remote: ${wayOut}`);
    expect(refusal(undefined, '')).toContain('names no default remote: add one that is reached over the network');
  });

  test('must have a URL that is one', () => {
    expect(refusal('r', '[remote "r"]\nurl = https://\n')).toContain('is no URL');
    expect(refusal('r', '[remote "r"]\nurl = s3:///key\n')).toContain('names no bucket');
    expect(refusal('r', '[remote "r"]\nurl = s3://b\nregion = evil.example/x\n')).toBe("The region of the remote 'r' is none: 'evil.example/x'.");
  });
});

describe('the name of an object', () => {
  test('is that of its version of DVC', () => {
    const md5 = '0cc175b9c0f1b6a831c399e269772661';
    expect(objectPath({ md5, isFolder: false, isLegacy: false })).toBe('files/md5/0c/c175b9c0f1b6a831c399e269772661');
    expect(objectPath({ md5, isFolder: true, isLegacy: false })).toBe('files/md5/0c/c175b9c0f1b6a831c399e269772661.dir');
    expect(objectPath({ md5, isFolder: true, isLegacy: true })).toBe('0c/c175b9c0f1b6a831c399e269772661.dir');
  });
});
