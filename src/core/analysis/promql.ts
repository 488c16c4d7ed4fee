// Placeholders in the user's own PromQL.

/** What `{{…}}` may name in a query. */
export interface PromqlNames {
  readonly namespace: string;
  readonly deployment: string;
  readonly revision: string;
  readonly version: string;
}

export type PromqlResult = { readonly ok: true; readonly promql: string } | { readonly ok: false; readonly problem: string };

/** Letters that end neither a PromQL string nor an identifier: names of Kubernetes objects have no others. */
const SAFE = /^[A-Za-z0-9_.-]+$/;

/**
 * The query with `{{namespace}}`, `{{deployment}}`, `{{revision}}` and `{{version}}` replaced. A value with any other character than
 * letters, digits, `.`, `_` and `-` could end a quoted string and ask for something else: it is refused, and so is an unknown name.
 */
export function substitutePromql(template: string, names: PromqlNames): PromqlResult {
  const known = new Map<string, string>(Object.entries(names));
  const problems: string[] = [];
  const promql = template.replaceAll(/\{\{\s*(.*?)\s*\}\}/gs, (_, name: string) => {
    const value = known.get(name);
    if (value === undefined) problems.push(`{{${name}}} is unknown: use {{${[...known.keys()].join('}}, {{')}}}`);
    else if (SAFE.test(value)) return value;
    else problems.push(`the ${name} ${JSON.stringify(value)} has characters other than A-Z, a-z, 0-9, ".", "_" and "-"`);
    return '';
  });
  return problems[0] === undefined ? { ok: true, promql } : { ok: false, problem: `In the query, ${problems[0]}.` };
}
