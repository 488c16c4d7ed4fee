// The one kind of error that is for the person at the keyboard: a sentence that says what to do.

/** Its message is shown as it is, without a stack. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
}
