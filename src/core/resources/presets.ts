import type { ModelDeploymentRuntimeCustom } from '../../api/generated/modeldeployment.ts';
import { customServer } from './customServer.ts';
import { mlserver } from './mlserver.ts';
import type { RuntimePreset } from './preset.ts';

/** `spec.runtime` without its template. */
export interface Runtime {
  readonly preset: string;
  readonly custom?: ModelDeploymentRuntimeCustom | undefined;
}

/** What is known of this runtime. The schema admits no other, so an unknown one is a programming error and is thrown. */
export function presetOf({ preset, custom }: Runtime): RuntimePreset {
  if (preset === 'mlserver') return mlserver;
  if (preset === 'custom' && custom) return customServer(custom);
  throw new Error(`no runtime preset ${JSON.stringify(preset)}${preset === 'custom' ? ' without spec.runtime.custom' : ''}`);
}
