// Names that other software sees: API group, labels, annotations, field managers. Changing one is a breaking change.

export const GROUP = 'plimsoll.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Highest `status.schema` that this operator understands. An object with a higher one is left untouched. */
export const STATUS_SCHEMA = 1;

export const LABEL = {
  /** Name of the ModelDeployment that a child, or a ModelRelease, belongs to. */
  deployment: 'plimsoll.dev/deployment',
  /** Revision (10 hexadecimal characters) that a child, or a ModelRelease, is about. */
  revision: 'plimsoll.dev/revision',
  /** Name of the ModelVersion that a Job works for. */
  modelVersion: 'plimsoll.dev/model-version',
  /** On a Job that does something else than to resolve its ModelVersion: the word that its program is started with. */
  program: 'plimsoll.dev/program',
  /** Outcome of a finished ModelRelease: the ledger survives a restore that loses status. */
  outcome: 'plimsoll.dev/outcome',
  /** Class of a finished ModelRelease's failure: Evidence, Infrastructure or User. */
  failureClass: 'plimsoll.dev/class',
  /** On everything that the operator makes; watches select by it. */
  managedBy: 'plimsoll.dev/managed-by',
} as const;

export const MANAGED_BY_VALUE = 'plimsoll';

export const ANNOTATION = {
  /** On the HTTPRoute, or on what carries the traffic in its place: `r<number>/<decision>/<detail>`, written together with the weights. */
  decision: 'plimsoll.dev/decision',
  /** On a ControllerRevision: hash of what the user chose, so that a newer rendering starts no release. On a Job: of what it is for. */
  inputs: 'plimsoll.dev/inputs',
  /** With it: why, in a sentence, and when the decision was written. */
  decisionMessage: 'plimsoll.dev/decision-message',
  decidedAt: 'plimsoll.dev/decided-at',
  /** On the HTTPRoute or the Service in its place: hash of what the user chose for it, so that an unchanged world is not written again. */
  frame: 'plimsoll.dev/frame',
  /** On what carries the traffic in place of an HTTPRoute: revision and per cent of both slots, `a=<revision>:<weight> b=...`. */
  slots: 'plimsoll.dev/slots',
  /** On a revision's Deployment: when its size was last set. */
  scaledAt: 'plimsoll.dev/scaled-at',
  /** On it, too: when Kubernetes was last asked to try again to make pods that it was refused. */
  askedAt: 'plimsoll.dev/pods-asked-at',
} as const;

/** Set on every response that passes the gateway. */
export const REVISION_HEADER = 'plimsoll-revision';

/** Server-side apply field managers: one for each concern, so that a rarely written field is not dropped by another writer. */
export const FIELD_MANAGER = {
  children: 'plimsoll',
  pods: 'plimsoll-pods',
  route: 'plimsoll-route',
  status: 'plimsoll-status',
  ledger: 'plimsoll-ledger',
} as const;
