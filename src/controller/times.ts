// Times as the API server wants them.

/** Kubernetes MicroTime of milliseconds since 1970: exactly six fraction digits, or the API server answers 400. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace(/Z$/, '000Z');
}

/** Kubernetes Time of milliseconds since 1970: whole seconds. */
export function wholeSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
