import type { CheckSet } from '../api/generated/checkset.ts';
import type {
  ModelDeployment,
  ModelDeploymentRuntimeCustomProbe,
  ModelDeploymentTrafficGateway,
} from '../api/generated/modeldeployment.ts';
import type { ModelRelease } from '../api/generated/modelrelease.ts';
import type { ModelVersion } from '../api/generated/modelversion.ts';
import type { CheckSamples, MeasureRequest, Slot } from './analysis/measurement.ts';
import type { FiringAlert } from './analysis/alert.ts';
import type { CheckBounds } from './analysis/bounds.ts';
import type { PromqlResult } from './analysis/promql.ts';
import type { Snapshot } from './resources/revision.ts';

/** All that a pass over one ModelDeployment may know of the world. Built once, never changed. */
export interface Observed {
  readonly deployment: ModelDeployment;
  /** The ModelVersion that `spec.version` names; undefined while there is none. */
  readonly version: ModelVersion | undefined;
  /** The CheckSets that `spec.analysis.checkSets` names, by name, as far as they are there. */
  readonly checkSets: ReadonlyMap<string, CheckSet>;
  /** Releases of this deployment in ascending number. */
  readonly releases: readonly ModelRelease[];
  /** Every revision of which something exists, by revision. */
  readonly revisions: ReadonlyMap<string, RevisionState>;
  /** The Service `<name>` for callers in the cluster. */
  readonly service: ServiceState | undefined;
  /** What carries the traffic: the HTTPRoute or, by spec.traffic, what is there in its place and says the same. */
  readonly route: RouteState | undefined;
  /** Why the route must not become what the spec asks for. */
  readonly obstacle?: Obstacle | undefined;
  /** The Job that asks the server's image for its packages, while its answer is wanted and not in the status yet. */
  readonly inspection?: InspectionJob | undefined;
  /** A carrier of ours that somebody brought out of the form that it is written in; it is written anew. */
  readonly spoiltRoute: Identity | undefined;
  /** What the probe of a release said, by the name of the release, as far as this operator has asked. */
  readonly probes: ReadonlyMap<string, ProbeResult>;
  readonly samples: readonly CheckSamples[];
  readonly alerts: readonly FiringAlert[];
  /** Why it is not known which alerts fire now. */
  readonly alertsProblem?: string | undefined;
  readonly settings: Settings;
}

/** Host names that another deployment has, or a Gateway that does not exist or would not take the route. */
export interface Obstacle {
  readonly reason: 'HostnameTaken' | 'GatewayMissing' | 'ListenerMissing';
  readonly message: string;
  /** The way that requests go now, and go on going. */
  readonly kept: ModelDeploymentTrafficGateway | undefined;
}

/** A Job that runs the image of a server to ask what it has; the newest attempt. */
export interface InspectionJob {
  readonly inputs: string;
  readonly attempt: number;
  readonly state: 'Running' | 'Succeeded' | 'Failed';
  /** How its container ended; undefined while it has not, or when its pod is gone. `message` may be anything. */
  readonly ended: { readonly exitCode: number; readonly reason?: string | undefined; readonly message?: string | undefined } | undefined;
  /** Why its pod does not run. */
  readonly trouble: PodTrouble | undefined;
  readonly finishedAtMs: number | undefined;
}

/** What the administrator decides, for all deployments. */
export interface Settings {
  readonly image: string;
  readonly imagePullPolicy: string;
  /** From an accepted route to evidence that counts: the gateway's statistics flush and one scrape. */
  readonly settleMs: number;
  /** What the keys of tags in a registry begin with: tells apart what several clusters say of the same version. */
  readonly tagPrefix: string;
}

export interface RevisionState {
  readonly revision: string;
  readonly snapshot: Snapshot | undefined;
  readonly workload: WorkloadState | undefined;
  readonly service: ServiceState | undefined;
  readonly hasDisruptionBudget: boolean;
  /** Ready addresses in the EndpointSlices of the revision's Service. */
  readonly readyEndpoints: number;
  /** Why its pods are not Ready; known only when they were asked, which is when some are missing. */
  readonly trouble: PodTrouble | undefined;
}

export interface WorkloadState {
  readonly identity: Identity;
  readonly replicas: number;
  readonly readyReplicas: number;
  /** When this operator last set `replicas`, milliseconds since the epoch. */
  readonly scaledAtMs: number | undefined;
  /** When it last asked for pods again that could not be made. */
  readonly askedAtMs?: number | undefined;
  /** Refusals of the API server or quota, as the Deployment's conditions tell them. */
  readonly failure: string | undefined;
  /** Shares and decision that it carries; only where there is neither a route nor a Service to carry them. */
  readonly carried: Carried | undefined;
}

/** The worst thing found among a revision's pods. `Evidence` speaks against the revision, `Infrastructure` against its surroundings. */
export interface PodTrouble {
  readonly class: 'Evidence' | 'Infrastructure';
  readonly reason: string;
  readonly message: string;
  /** When a container that is not Ready began to run, milliseconds since the epoch: it needs some time, whatever version it serves. */
  readonly runsSinceMs?: number | undefined;
}

export interface ServiceState {
  /** Revision that its selector names. */
  readonly revision: string | undefined;
  readonly identity: Identity;
}

/** This very object at this very state: a write that names both is refused when either changed, also when the object was deleted meanwhile. */
export interface Identity {
  readonly uid: string;
  readonly resourceVersion: string;
}

/** Who has which share of the traffic, and by which decision. */
export interface Carried {
  readonly slots: Readonly<Record<Slot, SlotState>>;
  readonly decision: RouteDecision;
}

/** An HTTPRoute as observed, or what carries the traffic in its place. */
export interface RouteState {
  readonly identity: Identity;
  readonly slots: Readonly<Record<Slot, SlotState>>;
  readonly decision: RouteDecision | undefined;
  /** Hash of everything but slots and decision as last applied: tells when hostnames, parents or timeouts changed. */
  readonly frame: string | undefined;
  readonly acceptance: Acceptance;
}

export interface SlotState {
  readonly revision: string;
  readonly weight: number;
}

/** What the gateway says of the route's newest generation. */
export type Acceptance =
  | { readonly state: 'Accepted' }
  | { readonly state: 'Pending'; readonly message: string }
  | { readonly state: 'Refused'; readonly reason: string; readonly message: string };

/** Travels in the route, in the same write as the weights: whoever reads it later cannot lower it. */
export interface RouteDecision {
  readonly release: number;
  readonly decision: Decision;
  /** Step index of a Shift, reason of a RollBack. */
  readonly detail: string;
  readonly message: string;
  readonly atMs: number;
}

export type Decision = 'Shift' | 'Promote' | 'RollBack';

export type ProbeResult =
  | { readonly state: 'Passed'; readonly message: string }
  | { readonly state: 'Failed'; readonly message: string }
  /** No answer that says anything about the model: tried again. */
  | { readonly state: 'Unreachable'; readonly message: string; readonly atMs: number };

/** Something to do to the world. Actions run in their order; the first that fails ends the pass. */
export type Action =
  | {
      readonly type: 'Apply';
      readonly object: KubeObject;
      readonly fieldManager: string;
      /** Waits for no rate limit: it takes requests off a candidate. */
      readonly urgent?: boolean;
      readonly expectAbsent?: boolean;
      readonly dryRun?: boolean;
    }
  /** Asks for each query whether it can be answered at all; one that cannot ends the pass. */
  | { readonly type: 'TryQueries'; readonly queries: readonly QueryTrial[] }
  /** Asks the API server itself for an object of ours that no cache shows; one that is there ends the pass. */
  | { readonly type: 'ConfirmAbsent'; readonly object: KubeObject }
  | { readonly type: 'ApplyStatus'; readonly object: KubeObject }
  /** `isOptional`: the pass goes on when the API server will not have it. */
  | { readonly type: 'Create'; readonly object: KubeObject; readonly isOptional?: boolean }
  | {
      readonly type: 'Delete';
      readonly apiVersion: string;
      readonly kind: string;
      readonly namespace: string;
      readonly name: string;
      readonly identity?: Identity | undefined;
    }
  | {
      readonly type: 'Probe';
      readonly namespace: string;
      readonly deployment: string;
      readonly release: string;
      readonly revision: string;
      readonly service: string;
      readonly request: ProbeRequest;
    };

/** The query of a check as it will be asked, or why it cannot be put together. */
export interface QueryTrial {
  readonly check: string;
  readonly query: PromqlResult;
}

/** What a revision is asked before it gets traffic. */
export type ProbeRequest =
  /** The Open Inference Protocol; `requests` is the ConfigMap with requests of the user's own. */
  | { readonly protocol: 'V2'; readonly model: string; readonly requests: string | undefined }
  | { readonly protocol: 'Custom'; readonly probe: ModelDeploymentRuntimeCustomProbe };

/** A Kubernetes object as JSON, enough of it to address it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly object[];
  };
  readonly [member: string]: unknown;
}

export interface PlanEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What a pass decides. Nothing else is ever done to the world. */
export interface Plan {
  readonly actions: readonly Action[];
  /** Told once the actions are done. */
  readonly events: readonly PlanEvent[];
  /** When to look again, if nothing changes before. */
  readonly requeueAfterMs: number | undefined;
  /** What is to be measured from now on; replaces what was asked for before. */
  readonly measure: readonly MeasureRequest[];
  /** Undefined when the object is left alone. */
  readonly view: View | undefined;
}

/** Live numbers for /metrics; never written to the API server. */
export interface View {
  readonly phase: string;
  readonly weight: number;
  /** ln of the combined e-value; undefined while nothing is compared. */
  readonly logE: number | undefined;
  readonly checks: readonly CheckView[];
}

export interface CheckView {
  readonly check: string;
  readonly verdict: string;
  readonly logE: number | undefined;
  /** Burst factor that divides the newest evidence. */
  readonly phi: number | undefined;
  /** Computed when asked: they cost more than all the rest of a pass. */
  readonly bounds: (() => CheckBounds) | undefined;
  /** Newest value of a limit's query. */
  readonly value: number | undefined;
  readonly stable: { readonly requests: number; readonly bad: number } | undefined;
  readonly candidate: { readonly requests: number; readonly bad: number } | undefined;
}
