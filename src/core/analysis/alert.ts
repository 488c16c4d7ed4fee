// Firing Prometheus alerts as evidence against a release.

/** An alert that fires now, with all its labels, and the time at which its expression became true (before any `for`). */
export interface FiringAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly activeAtMs: number;
}

/** Which alerts count: those of the deployment's own namespace, with these labels, whose cause began no earlier than the release. */
export interface AlertWish {
  readonly namespace: string;
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly sinceMs: number;
}

/**
 * Whether the alert is evidence. The namespace is compared whatever `matchLabels` says, so that nobody rolls another team's release back.
 * An alert that was active before the release is not its doing. Prometheus keeps that time in whole seconds, cut off, so an alert
 * of the very second in which the release began does not count either.
 */
export function matchesAlert(alert: FiringAlert, wish: AlertWish): boolean {
  return (
    alert.labels['namespace'] === wish.namespace &&
    alert.activeAtMs >= wish.sinceMs &&
    Object.entries(wish.matchLabels).every(([name, value]) => alert.labels[name] === value)
  );
}
