import type { JsonObject } from './overlay.ts';
import { mlserver } from './mlserver.ts';

/** What Plimsoll knows of a model server: how its container is started, reached and watched. */
export interface RuntimePreset {
  readonly name: string;
  /** Port of the Open Inference Protocol over HTTP. */
  readonly httpPort: number;
  /** The members of container `model` that do not depend on the user. */
  readonly container: (model: string) => JsonObject;
  readonly podAnnotations: Readonly<Record<string, string>>;
}

const PRESETS: Readonly<Record<string, RuntimePreset>> = { mlserver };

/** The preset of this name. The schema admits only names that are known here, so another one is a programming error and is thrown. */
export function presetNamed(name: string): RuntimePreset {
  const preset = PRESETS[name];
  if (!preset) throw new Error(`no runtime preset named ${JSON.stringify(name)}`);
  return preset;
}
