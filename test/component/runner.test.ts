import { describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from '../runner/children.ts';

const never = new AbortController().signal;

describe('the process of a stage', () => {
  test('ends by itself with its exit code', async () => {
    expect(await runChild(['-e', 'process.exit(3)'], { cwd: '.', limitMs: 20_000, interrupt: never })).toEqual({
      code: 3,
      signal: undefined,
      endedBy: undefined,
    });
  });

  test('has no stdin to wait for', async () => {
    const script = 'process.stdin.resume().on("end", () => process.exit(0))';
    const end = await runChild(['-e', script], { cwd: '.', limitMs: 20_000, interrupt: never });
    expect(end).toMatchObject({ code: 0, endedBy: undefined });
  });

  test('that hangs is ended at its limit, together with what it started', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plimsoll-runner-'));
    const file = join(folder, 'pid');
    // Both processes refuse SIGTERM: only SIGKILL to the whole group ends them.
    const stubborn = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000);';
    const script = `const { pid } = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(stubborn)}]);
      require('node:fs').writeFileSync(${JSON.stringify(file)}, String(pid)); ${stubborn}`;
    const end = await runChild(['-e', script], { cwd: '.', limitMs: 1500, interrupt: never, graceMs: 300 });
    const grandchild = Number(readFileSync(file, 'utf8'));
    rmSync(folder, { recursive: true });
    expect(end).toEqual({ code: undefined, signal: 'SIGKILL', endedBy: 'limit' });
    expect(await isGone(grandchild)).toBe(true);
  });

  test('is ended when the person interrupts, and none is started after that', async () => {
    const interrupt = new AbortController();
    setTimeout(() => {
      interrupt.abort();
    }, 300);
    const options = { cwd: '.', limitMs: 20_000, interrupt: interrupt.signal };
    expect(await runChild(['-e', 'setInterval(() => {}, 1000)'], options)).toMatchObject({ signal: 'SIGTERM', endedBy: 'interrupt' });
    expect(await runChild(['-e', 'process.exit(0)'], options)).toMatchObject({ code: undefined, endedBy: 'interrupt' });
  });
});

/** A process that was killed stays as a zombie until its new parent has read its end: that counts as gone. */
async function isGone(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 40; attempt += 1) {
    try {
      if (readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.startsWith('Z')) return true;
    } catch {
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
