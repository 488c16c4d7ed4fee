import type { JsonObject } from './overlay.ts';

/** What Plimsoll knows of a model server: how its container is started, reached and watched. */
export interface RuntimePreset {
  readonly name: string;
  /** Port of the Open Inference Protocol over HTTP. */
  readonly httpPort: number;
  /** The members of container `model` that do not depend on the user. */
  readonly container: (model: string) => JsonObject;
  readonly podAnnotations: Readonly<Record<string, string>>;
}
