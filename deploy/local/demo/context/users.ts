// The users in their pod, as this process hears of them: the pod's log is followed, and taken up again where the connection broke.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Line } from '../../load/pod.ts';
import type { Answer } from '../figures.ts';
import { NAMESPACE } from '../manifests.ts';
import { gatherAnswers, type Users } from '../users.ts';
import { USERS_POD } from './pods.ts';

const AGAIN_MS = 1000;

/** One line of the log; undefined for what is none of ours. */
export function readLine(text: string): { readonly index: number; readonly answer: Answer } | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const [index, sentAt, receivedAt, latencyMs, status, revision, error] = JSON.parse(text) as Line;
    return { index, answer: { sentAt, receivedAt, latencyMs, status, revision, ...(error === undefined ? {} : { error }) } };
  } catch {
    return undefined;
  }
}

/** `command` is the arguments that lead kubectl to the cluster. */
export function followUsers(command: readonly string[]): Users {
  const seen = new Set<number>();
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  return gatherAnswers((tell) => {
    const follow = (): void => {
      // A second time from the beginning again: answers come by their order of arrival, so the last one that was seen is not the last index.
      const [program, ...args] = ['kubectl', ...command, '-n', NAMESPACE, 'logs', '--follow', `pod/${USERS_POD}`];
      child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
      if (child.stdout !== null)
        createInterface({ input: child.stdout }).on('line', (text) => {
          const line = readLine(text);
          if (line === undefined || seen.has(line.index)) return;
          seen.add(line.index);
          tell(line.answer);
        });
      child.on('error', () => undefined);
      child.on('close', () => {
        if (!stopped) timer = setTimeout(follow, AGAIN_MS);
      });
    };
    follow();
    return () => {
      stopped = true;
      clearTimeout(timer);
      child?.kill();
      return Promise.resolve();
    };
  });
}
