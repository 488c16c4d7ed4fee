import { mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { extract } from 'tar-stream';
import { writeArchive, writeLayer, type Part } from '../../../deploy/local/images/oci.ts';

interface Found {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly mtime: number;
  readonly owner: string;
  readonly text: string;
}

async function entriesOf(tar: Buffer): Promise<Found[]> {
  const found: Found[] = [];
  const reader = extract();
  reader.end(tar);
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
    const { name, type, mode, mtime, uid, gid, linkname } = entry.header;
    const text = type === 'symlink' ? linkname : Buffer.concat(chunks).toString();
    found.push({ name, type, mode, mtime: mtime.getTime(), owner: `${uid}:${gid}`, text });
  }
  return found;
}

const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

describe('OCI archives', () => {
  let folder: string;
  let out: (name: string) => string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oci-'));
    out = (name) => join(folder, name);
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function tree(name: string, order: readonly string[], time: number): Promise<string> {
    const root = out(name);
    await mkdir(join(root, 'sub/deep'), { recursive: true });
    for (const file of order) {
      await writeFile(join(root, file), `content of ${file}\n`, { mode: file.endsWith('.sh') ? 0o750 : 0o600 });
      await utimes(join(root, file), time, time);
    }
    await symlink('a.txt', join(root, 'link'));
    return root;
  }

  const FILES = ['a.txt', 'sub/run.sh', 'sub/deep/z', 'b-c'];

  test('two trees with the same content, made in another order at another time, give the same bytes', async () => {
    const one = await tree('one', FILES, 1000);
    const two = await tree('two', FILES.toReversed(), 2_000_000);
    const first = await writeLayer([{ kind: 'tree', from: one, to: 'app' }], out('1.gz'));
    const second = await writeLayer([{ kind: 'tree', from: two, to: 'app' }], out('2.gz'));
    expect(await readFile(first.path)).toEqual(await readFile(second.path));
    const config = { entrypoint: ['/x'], user: '1:1', environment: { B: '2', A: '1' } };
    const a = await writeArchive('images.local/x:1', [first], config, out('a.tar'));
    const b = await writeArchive('images.local/x:1', [second], { ...config, environment: { A: '1', B: '2' } }, out('b.tar'));
    expect(a).toBe(b);
    expect(await readFile(out('a.tar'))).toEqual(await readFile(out('b.tar')));
  });

  test('one changed byte changes the digest', async () => {
    const first = await writeLayer([{ kind: 'text', to: 'a', text: 'x' }], out('1.gz'));
    const second = await writeLayer([{ kind: 'text', to: 'a', text: 'y' }], out('2.gz'));
    expect(first.digest).not.toBe(second.digest);
    expect(first.diffId).not.toBe(second.diffId);
  });

  test('entries are sorted after their parents, owned by root, timeless, and keep no more than the executable bit', async () => {
    const root = await tree('one', FILES, 1000);
    const parts: Part[] = [
      { kind: 'tree', from: root, to: 'opt/app', skip: (path) => path.startsWith('sub/deep') },
      { kind: 'text', to: 'etc/passwd', text: 'root' },
      { kind: 'directory', to: 'tmp', mode: 0o1777 },
    ];
    const layer = await writeLayer(parts, out('1.gz'));
    const found = await entriesOf(gunzipSync(await readFile(layer.path)));
    expect(found.map(({ name, mode }) => `${name} ${mode.toString(8)}`)).toEqual([
      'etc 755',
      'etc/passwd 644',
      'opt 755',
      'opt/app 755',
      'opt/app/a.txt 644',
      'opt/app/b-c 644',
      'opt/app/link 777',
      'opt/app/sub 755',
      'opt/app/sub/run.sh 755',
      'tmp 1777',
    ]);
    expect(new Set(found.map(({ owner, mtime }) => `${owner} ${mtime}`))).toEqual(new Set(['0:0 0']));
    expect(found.find(({ name }) => name === 'opt/app/link')).toMatchObject({ type: 'symlink', text: 'a.txt' });
  });

  test('every digest in the archive is that of the bytes it names', async () => {
    const layer = await writeLayer([{ kind: 'text', to: 'a', text: 'x'.repeat(100_000) }], out('1.gz'));
    const digest = await writeArchive('images.local/x:7', [layer], { entrypoint: ['/a'], user: '2:3' }, out('a.tar'));
    const raw = new Map<string, Buffer>();
    for (const { name, text } of await entriesOf(await readFile(out('a.tar')))) raw.set(name, Buffer.from(text));
    const blob = (id: string): Record<string, never> => JSON.parse(String(raw.get(`blobs/sha256/${id.slice(7)}`))) as Record<string, never>;
    expect(JSON.parse(String(raw.get('index.json')))).toMatchObject({
      manifests: [{ digest, annotations: { 'io.containerd.image.name': 'images.local/x:7', 'org.opencontainers.image.ref.name': '7' } }],
    });
    const manifest = blob(digest) as { config?: { digest: string }; layers?: { digest: string; size: number }[] };
    expect(manifest.layers).toEqual([{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: layer.digest, size: layer.size }]);
    expect(blob(manifest.config!.digest)).toMatchObject({ config: { User: '2:3' }, rootfs: { diff_ids: [layer.diffId] } });
    const bytes = await readFile(layer.path);
    expect([sha256(bytes), sha256(gunzipSync(bytes)), bytes.length]).toEqual([layer.digest, layer.diffId, layer.size]);
  });

  test('a file that vanished is an error, not an image without it', async () => {
    await expect(writeLayer([{ kind: 'copy', from: out('nothing'), to: 'a' }], out('1.gz'))).rejects.toThrow('ENOENT');
  });

  test('paths longer than a classic tar header holds survive', async () => {
    const name = `${'long-directory-name/'.repeat(8)}file`;
    const layer = await writeLayer([{ kind: 'text', to: name, text: 'x' }], out('1.gz'));
    expect((await entriesOf(gunzipSync(await readFile(layer.path)))).at(-1)).toMatchObject({ name, text: 'x' });
  });
});
