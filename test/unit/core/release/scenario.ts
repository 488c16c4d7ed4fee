// What the tests of whole releases begin with.
import type { ModelRelease } from '../../../../src/api/generated/modelrelease.ts';
import type { DeploymentSpec } from '../../../support/world/objects.ts';
import { createWorld, type Behaviour, type World, type WorldOptions } from '../../../support/world.ts';

/** Version 1 has served for two minutes, or `ms`, and nothing is left to do. */
export async function servingWorld(spec: Partial<DeploymentSpec> = {}, options: WorldOptions = {}, ms = 120_000): Promise<World> {
  const world = createWorld(options);
  world.serve('1', spec);
  await world.run(ms);
  if (world.condition('Ready') !== 'True/Serving') throw new Error(`version 1 does not serve: ${JSON.stringify(world.deployment.status)}`);
  return world;
}

/** Version 2 of this behaviour is released in a world where version 1 serves. */
export async function releasing(
  behaviour: Partial<Behaviour> = {},
  spec: Partial<DeploymentSpec> = {},
  options: WorldOptions = {},
): Promise<World> {
  const world = await servingWorld(spec, options);
  world.behave('2', behaviour);
  world.release('2');
  return world;
}

/** Until one more release has ended and the world is at rest again. */
export async function ended(world: World): Promise<ModelRelease> {
  const finished = (): readonly ModelRelease[] => world.releases.filter(({ status }) => status?.finishedAt !== undefined);
  const before = finished().length;
  await world.until(() => finished().length > before);
  const { name } = finished().at(-1)!.metadata;
  await world.run(120_000);
  return world.releases.find(({ metadata }) => metadata.name === name)!;
}

/** Until the candidate's weight in the route is `weight` and the gateway has taken it over. */
export async function holdingAt(world: World, weight: number): Promise<void> {
  await world.until(() => world.weight('2') === weight && world.newest().status?.phase === 'Holding');
}

/** Writes to the API server since write number `from`, as `verb Kind`. */
export function writesSince(world: World, from: number): readonly string[] {
  return world.api.writes.slice(from).map(({ verb, kind }) => `${verb} ${kind}`);
}
