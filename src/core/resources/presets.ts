import { mlserver } from './mlserver.ts';
import type { RuntimePreset } from './preset.ts';

const PRESETS: Readonly<Record<string, RuntimePreset>> = { mlserver };

/** The preset of this name. The schema admits only names that are known here, so another one is a programming error and is thrown. */
export function presetNamed(name: string): RuntimePreset {
  const preset = PRESETS[name];
  if (!preset) throw new Error(`no runtime preset named ${JSON.stringify(name)}`);
  return preset;
}
