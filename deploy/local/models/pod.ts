// The server of the models inside a cluster that cannot reach this machine: files come in by `kubectl exec`, pods fetch them over HTTP.
// It stands alone, since it runs from a ConfigMap.
//
// Usage: pod.ts serve FOLDER PORT | pod.ts receive FILE SHA256 LENGTH (base64 of so many characters on standard input)
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { dirname, join, normalize } from 'node:path';

function serve(folder: string, port: number): void {
  const server = createServer((request, response) => {
    const path = join(folder, normalize(`/${new URL(request.url ?? '/', 'http://pod').pathname}`));
    stat(path).then(
      (found) => {
        if (!found.isFile()) return response.writeHead(404).end();
        response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': found.size });
        return request.method === 'HEAD' ? response.end() : createReadStream(path).pipe(response);
      },
      () => response.writeHead(404).end(),
    );
  });
  server.listen(port);
  process.once('SIGTERM', () => process.exit(0));
}

/** By the length and not by the end of the input: not every way from kubectl to here passes that on. */
async function receive(file: string, sha256: string, length: number): Promise<void> {
  const text: string[] = [];
  let got = 0;
  for await (const chunk of process.stdin.setEncoding('latin1') as AsyncIterable<string>) {
    text.push(chunk);
    got += chunk.length;
    if (got >= length) break;
  }
  const bytes = Buffer.from(text.join(''), 'base64');
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) throw new Error(`${file}: ${bytes.length} bytes arrived with digest ${found}, not ${sha256}`);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.part`, bytes);
  await rename(`${file}.part`, file);
}

const [what, path = '', first = '', second = ''] = process.argv.slice(2);
if (what === 'serve') serve(path, Number(first));
else {
  await receive(path, first, Number(second));
  process.exit(0);
}
