// YAML from outside, JSON as a part of it.

import { FAILSAFE_SCHEMA, load } from 'js-yaml';

/**
 * The document that a text is, with every scalar as it is written: `0.10` stays '0.10', and a checksum is never taken for a number.
 * Undefined when it is none. Aliases share what they name: whoever walks through a document has to count.
 */
export function readYaml(text: string): unknown {
  try {
    return load(text, { schema: FAILSAFE_SCHEMA });
  } catch {
    return undefined;
  }
}
