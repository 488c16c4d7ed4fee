import type { CountingServer } from '../analysis/servers.ts';
import type { JsonObject } from './overlay.ts';

/** Where the model lives in a serving pod, unless a server wants it elsewhere. */
export const DEFAULT_MODEL_PATH = '/mnt/models';

/** What Plimsoll knows of a model server: how its container is started, reached and watched. */
export interface RuntimePreset {
  readonly name: string;
  /** Port on which it answers HTTP. */
  readonly httpPort: number;
  /** The members of container `model` that do not depend on the user. */
  readonly container: (model: string) => JsonObject;
  /** Whose series its servers count requests and their durations in, if src/metrics reads them: evidence where there is no gateway. */
  readonly metrics: CountingServer | undefined;
  readonly podAnnotations: Readonly<Record<string, string>>;
  /** Where containers find the model's volume, or a folder of it. */
  readonly modelMount: { readonly mountPath: string; readonly subPath?: string };
  /** What the user's container `model` lacks besides an image, in a sentence; undefined when nothing. */
  readonly lacking: (container: JsonObject) => string | undefined;
}
