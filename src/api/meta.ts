// Parts that all kinds share and that the generated types import.

export type { ObjectMeta, OwnerReference } from './resources.ts';

/** A condition, as in metav1: observedGeneration is on every one, since `kubectl wait` races otherwise. */
export type Condition = {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
};
