import { describe, expect, test } from '@jest/globals';
import { renderExplanation, type Explained } from '../../../src/cli/explainText.ts';
import type { World } from '../../support/world.ts';
import { ended, releasing, servingWorld } from '../core/release/scenario.ts';

const explain = (world: World, found: Pick<Explained, 'forecast' | 'judged'> = {}): string =>
  renderExplanation({ deployment: world.deployment, releases: world.releases, now: world.now, ...found });

/** Lines as one text, for sentences that are broken somewhere. */
const flat = (text: string): string => text.replaceAll(/\s+/g, ' ');

async function holding(spec: Parameters<typeof releasing>[1] = {}): Promise<World> {
  const world = await releasing({}, spec);
  await world.until(() => world.newest().status?.step === 1);
  await world.run(20_000);
  return world;
}

describe('the explanation of a ModelDeployment', () => {
  test('tells of a release what it does, what each check says, what comes next and when, and what a person can do', async () => {
    const world = await holding({ rollout: { steps: [{ weight: 5, hold: '40s' }, { weight: 25, hold: '40s' }, { weight: 50, hold: '1m' }] } });
    const judged = [{ check: 'errors', verdict: 'Pass', explanation: 'candidate 2/625 vs stable 4/1875' }];
    expect(explain(world, { forecast: 'at 40 requests/s: 100 requests at 5 % take 50s', judged })).toBe(`fraud in namespace risk: Holding, release fraud-r2

Now
  Version 2 gets 25 % of the requests, version 1 the others.
  Holding at 25 % for 40s, and until the checks allow more.

Checks
  errors: Pass. candidate 2/625 vs stable 4/1875
  latency: nothing yet, the candidate has had no traffic that counts.

Evidence
  at 40 requests/s: 100 requests at 5 % take 50s

Next
  At 2026-11-24T10:03:50.000Z (in 34s) the hold of step 2 of 3 is over. Then it goes on to 50 % for
  at least 1m, if the candidate has answered 100 requests in this step, and no check is suspect or
  without data.
  At 2026-11-24T11:03:50.000Z (in 1h34s), if that is still not so, it pauses at this weight, and
  goes on by itself when the evidence comes.
  A check that fails takes the candidate off at once.

To promote by hand, whatever is left of the steps
  YOU is your user name as kubectl auth whoami says it; it needs the role plimsoll-release-manager.
    kubectl -n risk patch mrel fraud-r2 --type=merge \\
      -p '{"spec":{"control":{"action":"Promote","by":"YOU"}}}'

To take the candidate off by hand
    kubectl -n risk patch mrel fraud-r2 --type=merge \\
      -p '{"spec":{"control":{"action":"Abort","by":"YOU"}}}'
`);
  });

  test('tells since when a verdict is what it is, where nobody asked for the newest', async () => {
    const world = await holding();
    const [errors] = world.deployment.status?.verdicts ?? [];
    expect(flat(explain(world))).toContain(`Checks errors: ${errors?.verdict ?? ''} since ${errors?.at ?? ''}. ${errors?.explanation ?? ''} latency: `);
  });

  test('tells of the last step what a promotion takes, and of the settings that the release has', async () => {
    const rollout = { steps: [{ weight: 5, hold: '40s' }, { weight: 50, hold: '40s' }], onFailure: 'Freeze', onInconclusive: 'Rollback' } as const;
    const world = await holding({
      rollout,
      analysis: { interval: '5s', promoteWhen: 'Certified', fastPromote: true, checks: [{ name: 'errors', errorRate: {} }] },
    });
    const said = flat(explain(world));
    expect(said).toContain('Then it is promoted and gets all requests, if the candidate has answered 100 requests in this step, and');
    expect(said).toContain('and every check that can has certified it. It goes on before that as soon as every check has certified the candidate.');
    expect(said).toContain('if that is still not so, it is rolled back as inconclusive. A check that fails freezes the weights until a person decides.');
  });

  test('tells who keeps it from going on', async () => {
    const world = await holding();
    world.edit({ rollout: { ...world.deployment.spec.rollout, paused: true } });
    await world.run(5000);
    expect(flat(explain(world))).toContain('Next Nothing, until spec.rollout.paused of the ModelDeployment is removed.');
    const release = world.newest();
    const asked = { ...release, spec: { ...release.spec, control: { action: 'Pause', by: 'alice' } } } as const;
    expect(flat(renderExplanation({ deployment: world.deployment, releases: [asked], now: world.now }))).toContain(
      'Next alice asked for Pause. Nothing, until spec.control.action of the release is Run.',
    );
  });

  test('tells what waits for pods, and of a version that is watched', async () => {
    const world = await servingWorld({ rollout: { steps: [{ weight: 50, hold: '20s' }], keepPrevious: { for: '5m' } } });
    world.behave('2', { readyAfterMs: 60_000 });
    world.release('2');
    await world.until(() => world.newest().status?.phase === 'Preparing');
    expect(flat(explain(world))).toContain('Next Once that is done: step 1 of 1, 50 % of the requests for at least 20s. Pods and route have 15m for it.');
    await world.until(() => world.newest().status?.phase === 'Watching');
    const watched = explain(world);
    expect(flat(watched)).toContain('the version before goes, and the release ends. Until then what speaks against the new one rolls it back.');
    expect(watched).toContain('\nTo go back to the version before by hand\n');
    expect(watched).not.toContain('To promote by hand');
  });

  test('tells of a version that failed why, and how to try it again', async () => {
    const world = await releasing({ errorRate: 0.26 });
    await ended(world);
    const said = explain(world);
    expect(said).toContain('fraud in namespace risk: RolledBack\n\nNow\n  Version 1 serves. The spec asks for version 2.\n');
    expect(flat(said)).toContain('Next The last release, fraud-r2, ended as RolledBack: version 2 failed check errors: candidate');
    expect(said).toContain(`
To try version 2 once more, though it failed
    kubectl -n risk patch mdep fraud --type=merge \\
      -p '{"spec":{"rollout":{"retry":{"version":"2","token":"after-fraud-r2"}}}}'
`);
  });

  test('tells of rest in a few lines, and of what is not as it should be', async () => {
    const world = await servingWorld();
    expect(explain(world)).toMatch(
      /^fraud in namespace risk: Serving\n\nNow\n {2}Version 1 serves\.\n\nNext\n {2}Nothing, until the spec asks for something else\.\n {2}The last release, fraud-r1, ended as Promoted: /,
    );
    world.edit({ runtime: { preset: 'mlserver', template: { spec: { containers: [{ name: 'nobody' }, { name: 'model', image: '' }], restartPolicy: 'Never' } } } });
    await world.run(10_000);
    const { deployment } = world;
    const refused = { ...deployment, status: { ...deployment.status, conditions: [{ type: 'Accepted', status: 'False', reason: 'InvalidTemplate', message: 'it cannot be', lastTransitionTime: '' }] } };
    expect(renderExplanation({ deployment: refused as typeof deployment, releases: [], now: world.now })).toContain(
      '\n  Accepted is False (InvalidTemplate): it cannot be\n',
    );
  });

  test('fits a terminal of 100 columns, and nothing from the cluster moves its cursor', async () => {
    const world = await holding();
    const { deployment } = world;
    const long = `\u001b[31mred ${'long '.repeat(200)}\r\n`;
    const verdicts = deployment.status?.verdicts?.map((verdict) => ({ ...verdict, explanation: long }));
    const status = { ...deployment.status, verdicts };
    const said = renderExplanation({ deployment: { ...deployment, status } as typeof deployment, releases: world.releases, now: world.now });
    expect(said).not.toMatch(/[\u001b\r]/);
    expect(said.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });
});
