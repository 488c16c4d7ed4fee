// Why a version could not be had, as a value: the same shape in the Job's log, its termination message and the condition.

/** Every reason for which getting a version's bytes can fail. They become condition reasons: changing one is a breaking change. */
export type FailureReason =
  | 'InvalidOptions' // the job's own options do not make sense
  | 'InvalidSource' // the pointer cannot be used as it is written (scheme, file name, kind of archive)
  | 'AccessInvalid' // the mounted Secret holds no usable credentials
  | 'AccessDenied' // the source refused the credentials, or their absence
  | 'NotFound' // the source has nothing at this place
  | 'SourceRefused' // the source answered with another final refusal
  | 'NotBlessed' // the pipeline's own checks have not let the model through
  | 'SourceFailed' // the source answered that it is in trouble: worth another try
  | 'SourceUnreachable' // network, name resolution, timeout: worth another try
  | 'AddressRefused' // link-local and cloud metadata addresses are never connected to
  | 'RedirectRefused' // too many redirects, or one that leads out of http(s)
  | 'Truncated' // fewer or more bytes came than were announced
  | 'ArchiveRefused' // an entry that must not be unpacked, or a broken archive
  | 'TooLarge' // more bytes, files or expansion than the limits allow
  | 'EmptyModel' // not one file
  | 'DigestMismatch' // other bytes, or other names, than those that were recorded
  | 'SignatureRefused' // not signed, or by nobody whose signature counts
  | 'FormatUnclear' // which file is the model cannot be told
  | 'StorageFailed' // the local volume is full or cannot be written
  | 'Interrupted' // the job was told to stop
  | 'InternalError'; // a defect of ours

/** An expected failure. `message` is sentences for people, without credentials; `retryable` says that time alone may mend it. */
export interface Failure {
  readonly reason: FailureReason;
  readonly message: string;
  readonly retryable: boolean;
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

/** Wraps a result. */
export function success<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

/** Wraps an expected failure that the same input will meet again. */
export function finalFailure(reason: FailureReason, message: string): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: { reason, message, retryable: false } };
}

/** Wraps an expected failure that may be gone at the next try. */
export function passingFailure(reason: FailureReason, message: string): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure: { reason, message, retryable: true } };
}
