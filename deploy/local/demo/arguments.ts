// What `npm run demo -- ...` was asked for.
import { parseArgs } from 'node:util';
import { RELEASE_NAMES, type ReleaseName } from './scenarios.ts';

export const USAGE = `Usage: npm run demo -- [--once] [--report FILE] [--only RELEASE] [--context NAME [...]]
  --once          take everything down as soon as the releases are over, and end with code 1 unless all went as described
  --report FILE   write the figures as JSON, also when something failed
  --only RELEASE  only this release: ${RELEASE_NAMES.join(', ')}
Without --once everything stays up until Ctrl-C.

On a cluster that is there already, instead of a local one (docs/demo.md):
  --context NAME               of your kubeconfig
  --kubeconfig FILE            default: $KUBECONFIG, or ~/.kube/config
  --traffic KIND               gateway or replicaShare; default: gateway where an Envoy Gateway and its metrics are found
  --gateway NAMESPACE/NAME     which Gateway; default: the only one that would do
  --gateway-address HOST:PORT  where pods reach it; default: as it says itself
  --prometheus URL             http://SERVICE.NAMESPACE:PORT, or none; default: the one that is found
  --operator-image REFERENCE   default: images.local/plimsoll:<version>, loaded into the nodes beforehand
  --server-image REFERENCE     an MLServer with scikit-learn; default: images.local/mlserver:<version>, the same way
  --clean                      only remove what a demo left behind that was killed`;

export type TrafficKind = 'gateway' | 'replicaShare';

/** A cluster that is there already, and what of it to use. */
export interface ContextOptions {
  readonly context: string;
  readonly kubeconfig: string | undefined;
  readonly traffic: TrafficKind | undefined;
  /** Namespace and name of a Gateway. */
  readonly gateway: string | undefined;
  readonly gatewayAddress: string | undefined;
  readonly prometheus: string | undefined;
  readonly operatorImage: string | undefined;
  readonly serverImage: string | undefined;
  readonly clean: boolean;
}

export interface DemoOptions {
  /** Nobody is there: do not wait for Ctrl-C. */
  readonly once: boolean;
  /** File for the figures, as it was written. */
  readonly report: string | undefined;
  /** The only release to make; undefined: all of them. */
  readonly only: ReleaseName | undefined;
  /** Undefined: the local cluster. */
  readonly cluster: ContextOptions | undefined;
}

export type ParsedArguments =
  | { readonly kind: 'run'; readonly options: DemoOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'refused'; readonly message: string };

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean' } as const;
const CONTEXT_OPTIONS = {
  kubeconfig: TEXT,
  traffic: TEXT,
  gateway: TEXT,
  'gateway-address': TEXT,
  prometheus: TEXT,
  'operator-image': TEXT,
  'server-image': TEXT,
  clean: FLAG,
} as const;

/** What a value must look like, in words. */
const FORMS: Readonly<Record<string, { readonly form: RegExp; readonly words: string }>> = {
  only: { form: new RegExp(`^(${RELEASE_NAMES.join('|')})$`), words: `one of ${RELEASE_NAMES.join(', ')}` },
  traffic: { form: /^(gateway|replicaShare)$/, words: 'gateway or replicaShare' },
  gateway: { form: /^[^/\s]+\/[^/\s]+$/, words: 'NAMESPACE/NAME' },
  'gateway-address': { form: /^[^:/\s]+:\d{1,5}$/, words: 'HOST:PORT' },
  prometheus: { form: /^(none|https?:\/\/[^/\s]+)$/, words: 'none, or an address such as http://prometheus.monitoring:9090' },
};

/** Reads the arguments that follow the script's name. */
export function parseArguments(argv: readonly string[]): ParsedArguments {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { once: FLAG, report: TEXT, only: TEXT, context: TEXT, help: { ...FLAG, short: 'h' }, ...CONTEXT_OPTIONS },
    });
    if (values.help === true) return { kind: 'help' };
    for (const [name, value] of Object.entries(values)) refuseValue(name, value);
    const alone = Object.keys(CONTEXT_OPTIONS).find((name) => name in values);
    if (values.context === undefined && alone !== undefined)
      throw new Error(`--${alone} belongs to a cluster of your own: name its --context.`);
    return {
      kind: 'run',
      options: {
        once: values.once ?? false,
        report: values.report,
        only: values.only as ReleaseName | undefined,
        cluster:
          values.context === undefined
            ? undefined
            : {
                context: values.context,
                kubeconfig: values.kubeconfig,
                traffic: values.traffic as TrafficKind | undefined,
                gateway: values.gateway,
                gatewayAddress: values['gateway-address'],
                prometheus: values.prometheus,
                operatorImage: values['operator-image'],
                serverImage: values['server-image'],
                clean: values.clean ?? false,
              },
      },
    };
  } catch (error) {
    return { kind: 'refused', message: `${error instanceof Error ? error.message : String(error)}\n${USAGE}` };
  }
}

function refuseValue(name: string, value: string | boolean): void {
  if (typeof value === 'boolean') return;
  if (value === '') throw new Error(`--${name} needs a value.`);
  const { form, words } = FORMS[name] ?? {};
  if (form?.test(value) === false) throw new Error(`--${name} must be ${words}, not ${JSON.stringify(value)}.`);
}
