// One case for each rule of the CRDs: what is changed in the full object, and what the API server says to it.

import type { Plural } from './crdObjects.ts';

type Change = Readonly<Record<string, unknown>>;
type Broken = { readonly plural: Plural; readonly title: string; readonly change: Change; readonly message: string };
type Taken = Omit<Broken, 'message'>;
/** `before` makes the stored object, `after` the update; without a message the update is taken. */
type Update = {
  readonly plural: Plural;
  readonly title: string;
  readonly before: Change;
  readonly after: Change;
  readonly message?: string;
  readonly expectation: 'takes' | 'refuses';
};

const STEPS = 'spec.rollout.steps';
const CHECKS = 'spec.analysis.checks';
const ONE_KIND = 'give exactly one of errorRate, latency, compare, score, limit, rate, shift, split';
/** A query that says which version it counts. */
const OWN = 'n{v="{{version}}"}';
const OWN_QUERIES = {
  compare: { bad: OWN, total: OWN },
  score: { count: OWN, sum: OWN, sumOfSquares: OWN, lowest: '1', highest: '5' },
  limit: { query: 'up', max: '1' },
  rate: { bad: OWN, total: OWN, atMost: '1%' },
  shift: { counts: OWN, bin: 'class' },
};
const LABELS = 'spec.triggers.alerts.matchLabels';
const OTHER_DIGEST = `sha256:${'f'.repeat(64)}`;
const ONE_ROUTING =
  'give exactly one of gateway (exact shares, through a Gateway API gateway), replicaShare: {} (callers in the cluster, through a Service; shares as fine as the number of pods) and none: {} (no Service and no route: pods that fetch their work, or traffic that somebody else moves)';
const SAME_ROUTING =
  'the way of routing never changes, since callers would have to change their ways at the same moment; create another ModelDeployment and move them to it';
/** What the full object has and an object without a gateway must not have. */
const WITHOUT_GATEWAY: Change = {
  'spec.rollout.capacity': undefined,
  'spec.rollout.keepPrevious': undefined,
  [`${CHECKS}[12]`]: { name: 'split', errorRate: {} },
};
/** The kinds of checks that have requests counted, with what they need besides. */
const COUNTED = [['errorRate', {}], ['latency', {}], ['rate', { atMost: '1%' }]] as const;
const FORM = 'must be a duration such as 30s, 5m or 1h30m,';

/** Duration fields of ModelDeployment: the message, values that are taken and values that are not. */
const DURATIONS: readonly (readonly [path: string, message: string, good: readonly string[], bad: readonly string[]])[] = [
  ['spec.traffic.gateway.timeouts.request', `request ${FORM} at most 24h`, ['5s', '24h', '0s'], ['24h1s', '1d']],
  ['spec.traffic.gateway.timeouts.backendRequest', `backendRequest ${FORM} at most 24h`, ['0s', '10s'], ['25h', '5']],
  ['spec.traffic.drain', `drain ${FORM} at most 1h`, ['0s', '60m'], ['61m', '1.5m']],
  [`${STEPS}[0].hold`, `hold ${FORM} at most 168h`, ['0s', '168h', '1h30m10s500ms'], ['168h1ms', '7d', '-5m']],
  ['spec.rollout.unavailableGrace', `unavailableGrace ${FORM} from 1s to 1h`, ['1s', '1h'], ['999ms', '61m', 'soon']],
  ['spec.rollout.progressDeadline', `progressDeadline ${FORM} from 1s to 168h`, ['1s', '168h'], ['0s', '169h']],
  ['spec.rollout.evidenceDeadline', `evidenceDeadline ${FORM} from 1s to 168h`, ['1s', '168h'], ['0s', '99999h']],
  ['spec.rollout.keepPrevious.for', `for ${FORM} from 1s to 168h`, ['1s', '168h'], ['0s', '169h']],
  ['spec.analysis.interval', 'interval must be a duration such as 15s or 1m, from 1s to 10m', ['1s', '10m'], ['999ms', '10m1s', '15']],
  [
    `${CHECKS}[1].latency.slowerThan`,
    'slowerThan must be a duration such as 250ms or 2s, from 1ms to 1h',
    ['1ms', '1h'],
    ['0ms', '61m', '0.25s'],
  ],
  [`${CHECKS}[3].limit.for`, 'for must be a duration such as 1m, from 1s to 24h', ['1s', '24h'], ['0s', '24h1s', '1']],
  ...['p50AtMost', 'p95AtMost', 'p99AtMost'].map(
    (field, i) =>
      [
        `${CHECKS}[${4 + i}].latency.${field}`,
        `${field} must be a factor such as 1.2x, from 1x on, or a duration such as 500ms, from 1ms to 1h`,
        ['1x', '1.2x', '999.999x', '1ms', '1h'],
        ['0.9x', '1.2', 'x', '0ms', '61m', '1000x'],
      ] as const,
  ),
];

const PERCENTAGES: readonly (readonly [path: string, message: string, good: readonly string[], bad: readonly string[]])[] = [
  ...Object.entries({ errorRate: 0, latency: 1, compare: 7 }).flatMap(([check, i]) => [
    [
      `${CHECKS}[${i}].${check}.relativeMargin`,
      'relativeMargin must be a percentage such as 50%, from 0% to 999.999%',
      ['0%', '999.999%'],
      ['1000%', '50'],
    ] as const,
    [
      `${CHECKS}[${i}].${check}.absoluteFloor`,
      'absoluteFloor must be a percentage such as 0.5%, from 0% to 100%',
      ['0.001%', '100%', '100.000%'],
      ['100.1%', '0.5', '-1%'],
    ] as const,
  ]),
  [`${CHECKS}[8].score.margin`, 'margin must be a percentage such as 2%, from 0% to 100%', ['0%', '100%'], ['101%', '2']],
  [`${CHECKS}[10].rate.atMost`, 'atMost must be a percentage such as 1%, from 0% to 100%', ['0%', '100%'], ['101%', '1']],
  [`${CHECKS}[12].split.tolerance`, 'tolerance must be a percentage such as 50%, from 0% to 999.999%', ['0%', '999.999%'], ['1000%', '50']],
];

const VALUES = [...DURATIONS, ...PERCENTAGES];

/** A spec.runtime of preset custom, with members of its custom replaced; what is not for it is taken out of the full object. */
function ownServer(custom: Change, probe: Change = { path: '/v1/predict' }): Change {
  return { 'spec.probe': undefined, 'spec.runtime': { preset: 'custom', custom: { port: 8000, probe, metrics: 'Triton', ...custom } } };
}

const OWN_SERVER_CASES: readonly Omit<Broken, 'plural'>[] = [
  {
    title: 'preset custom alone',
    change: { 'spec.probe': undefined, 'spec.runtime': { preset: 'custom' } },
    message:
      'preset custom needs custom: {port: <port of the server>, probe: {path: <path of a request>}}; image, arguments and readinessProbe go into template',
  },
  {
    title: 'custom with another preset',
    change: { 'spec.runtime.custom': { port: 8000, probe: { path: '/' } } },
    message: 'custom belongs to preset custom; write preset: custom, or remove custom',
  },
  {
    title: 'V2 requests for a server of its own',
    change: { 'spec.runtime': { preset: 'custom', custom: { port: 8000, probe: { path: '/' } } } },
    message: 'probe holds requests of the V2 inference protocol; with preset custom give runtime.custom.probe instead',
  },
  ...['models', '/', '/models/', '/models//x', '/models/../etc', '/models/.hidden', '/mo dels', '/tmp'].map((modelPath) => ({
    title: `the model path ${modelPath}`,
    change: ownServer({ modelPath }),
    message:
      "modelPath must be an absolute path such as /models/fraud/1, of letters, digits, '.', '_' and '-', with no part that starts with '.', and not /tmp",
  })),
  {
    title: 'metrics of a server that Plimsoll does not read',
    change: ownServer({ metrics: 'TorchServe' }),
    message: 'spec.runtime.custom.metrics: Unsupported value: "TorchServe"',
  },
  {
    title: 'a probe with two bodies',
    change: ownServer({}, { path: '/', body: 'x', bodyFrom: { configMapKeyRef: { name: 'x', key: 'x' } } }),
    message: 'give body or bodyFrom, not both',
  },
  {
    title: 'the type of a body that is not there',
    change: ownServer({}, { path: '/', contentType: 'image/png' }),
    message: 'contentType is that of a body; give body or bodyFrom too, or remove contentType',
  },
  ...['predict', '/a b', '/ü'].map((path) => ({
    title: `the probe path ${path}`,
    change: ownServer({}, { path }),
    message: 'spec.runtime.custom.probe.path in body should match',
  })),
];

/** The step of the second weight is 50 in the full object. */
const DEPLOYMENT_CASES: readonly Omit<Broken, 'plural'>[] = [
  ...['Fraud', '7up', 'fraud.eu', 'a'.repeat(41)].map((name) => ({
    title: `the name ${name}`,
    change: { 'metadata.name': name },
    message:
      name === 'Fraud'
        ? 'metadata.name'
        : "metadata.name must start with a letter, hold only a-z, 0-9 and '-', not end with '-', and have at most 40 characters",
  })),
  ...OWN_SERVER_CASES,
  {
    title: 'no way of routing',
    change: { 'spec.traffic': { drain: '30s' } },
    message: ONE_ROUTING,
  },
  ...['replicaShare', 'none'].map((other) => ({
    title: `a gateway and ${other}`,
    change: { [`spec.traffic.${other}`]: {} },
    message: ONE_ROUTING,
  })),
  ...[{ candidate: 'Full' }, { stable: 'Release' }, {}].map((capacity) => ({
    title: `the capacity ${JSON.stringify(capacity)} without a gateway`,
    change: { 'spec.traffic': { replicaShare: {} }, 'spec.rollout.capacity': capacity },
    message:
      'rollout.capacity needs traffic.gateway; without one the number of pods makes the shares, so no more and no fewer of them can be had',
  })),
  {
    title: 'a version that is kept though its pods would take work',
    change: { 'spec.traffic': { none: {} }, 'spec.rollout.capacity': undefined },
    message:
      'rollout.keepPrevious needs traffic.gateway or traffic.replicaShare; with traffic.none the pods of the version before would go on taking work',
  },
  {
    title: 'pods without a share that would take work',
    change: { 'spec.traffic': { none: {} }, ...WITHOUT_GATEWAY, [STEPS]: [{ weight: 0, hold: '1h' }] },
    message: 'a step of weight 0 needs traffic.gateway or traffic.replicaShare; with traffic.none pods take work as soon as they are Ready',
  },
  {
    title: 'an attempt that may take longer than the request',
    change: { 'spec.traffic.gateway.timeouts': { request: '5s', backendRequest: '5001ms' } },
    message: 'backendRequest must not be longer than request',
  },
  {
    title: 'falling step weights',
    change: { [STEPS]: [{ weight: 50 }, { weight: 25 }] },
    message: 'step weights must rise from each step to the next',
  },
  {
    title: 'the same weight twice',
    change: { [STEPS]: [{ weight: 5 }, { weight: 25 }, { weight: 25 }] },
    message: 'step weights must rise from each step to the next',
  },
  { title: 'no steps', change: { [STEPS]: [] }, message: 'steps must hold at least one step; leave steps out for 5, 25 and 50 %' },
  { title: 'a check of no type', change: { [CHECKS]: [{ name: 'x' }] }, message: ONE_KIND },
  {
    title: 'a check of two types',
    change: { [CHECKS]: [{ name: 'x', errorRate: {}, latency: { slowerThan: '1s' } }] },
    message: ONE_KIND,
  },
  {
    title: 'a limit without a bound',
    change: { [CHECKS]: [{ name: 'x', limit: { query: 'up' } }] },
    message: 'give max, min or both; a query without a bound checks nothing',
  },
  {
    title: 'a limit by looks and by time',
    change: { [CHECKS]: [{ name: 'x', limit: { query: 'up', max: '1', consecutive: 2, for: '1m' } }] },
    message: 'give consecutive or for, not both',
  },
  {
    title: 'two words on latency',
    change: { [CHECKS]: [{ name: 'x', latency: { slowerThan: '1s', p99AtMost: '1.2x' } }] },
    message: 'give at most one of slowerThan, p50AtMost, p95AtMost, p99AtMost',
  },
  {
    title: 'a margin without a threshold',
    change: { [CHECKS]: [{ name: 'x', latency: { p99AtMost: '1.2x', absoluteFloor: '1%' } }] },
    message: 'relativeMargin and absoluteFloor go with slowerThan only',
  },
  ...Object.entries({
    bad: { compare: { bad: 'n', total: OWN } },
    count: { score: { count: 'n', sum: OWN } },
    sum: { score: { count: OWN, sum: 'n' } },
    sumOfSquares: { score: { count: OWN, sum: OWN, sumOfSquares: 'n' } },
    histogram: { score: { histogram: 'n' } },
    counts: { shift: { counts: 'n' } },
  }).map(([field, check]) => ({
    title: `a query ${field} for both versions`,
    change: { [CHECKS]: [{ name: 'x', errorRate: {} }, { name: 'y', ...check }] },
    message: `${field} must say which version it counts, by {{revision}} or {{version}} in a label matcher`,
  })),
  ...['n', 'n{v="{{deployment}}"}', 'n{v="revision"}'].map((query) => ({
    title: `the query ${query} for both versions`,
    change: { [CHECKS]: [{ name: 'x', compare: { bad: OWN, total: query } }] },
    message: 'total must say which version it counts, by {{revision}} or {{version}} in a label matcher',
  })),
  {
    title: 'a score of nothing',
    change: { [CHECKS]: [{ name: 'x', errorRate: {} }, { name: 'y', score: { count: OWN } }] },
    message: 'give histogram alone, or count and sum',
  },
  {
    title: 'a score in two ways',
    change: { [CHECKS]: [{ name: 'x', errorRate: {} }, { name: 'y', score: { histogram: OWN, count: OWN, sum: OWN } }] },
    message: 'give histogram alone, or count and sum',
  },
  {
    title: 'a score that is always the same',
    change: { [CHECKS]: [{ name: 'x', errorRate: {} }, { name: 'y', score: { histogram: OWN, lowest: '1' } }] },
    message: 'lowest must be lower than highest; they are 0 and 1 unless given',
  },
  {
    title: 'a rate with half of its queries',
    change: { [CHECKS]: [{ name: 'x', rate: { bad: OWN, atMost: '1%' } }] },
    message: 'give both bad and total, or none of them',
  },
  {
    title: 'certificates that nobody can give',
    change: {
      'spec.analysis.checkSets': undefined,
      [CHECKS]: [
        { name: 'x', latency: {} },
        { name: 'y', limit: { query: 'up', min: '1' } },
      ],
    },
    message: 'promoteWhen Certified needs a check that can certify, which is errorRate, compare, score, rate, or latency with slowerThan or p99AtMost',
  },
  {
    title: 'certificates without traffic',
    change: { [STEPS]: [{ weight: 0, hold: '1h' }] },
    message: 'promoteWhen Certified needs a step with traffic; at weight 0 nothing can be certified',
  },
  {
    title: 'a split without a gateway',
    change: { ...WITHOUT_GATEWAY, 'spec.traffic': { replicaShare: {} }, [CHECKS]: [{ name: 'x', errorRate: {} }, { name: 'y', split: {} }] },
    message: 'a check of kind split needs traffic.gateway; without one the number of pods makes the shares',
  },
  ...(['compare', 'score', 'limit', 'rate', 'shift'] as const).map((kind) => ({
    title: `a query of one's own (${kind}) without a Prometheus`,
    change: { 'spec.analysis.promoteWhen': undefined, 'spec.analysis.metrics': { scrape: {} }, [CHECKS]: [{ name: 'x', errorRate: {} }, { name: 'y', [kind]: OWN_QUERIES[kind] }] },
    message:
      'with metrics.scrape there is no Prometheus that could answer queries; give checks without queries of your own, which are errorRate, latency, split, and rate without total, or leave metrics out',
  })),
  {
    title: 'metrics from nowhere',
    change: { 'spec.analysis.metrics': {}, [CHECKS]: [{ name: 'x', errorRate: {} }] },
    message: 'spec.analysis.metrics.scrape: Required value',
  },
  ...COUNTED.map(([kind, check]) => ({
    title: `a gateway that counts for ${kind} where there is none`,
    change: {
      ...WITHOUT_GATEWAY,
      'spec.traffic': { replicaShare: {} },
      [CHECKS]: [{ name: 'x', errorRate: { source: 'Runtime' } }, { name: 'y', [kind]: { ...check, source: 'Gateway' } }],
    },
    message: 'a check with source Gateway needs traffic.gateway; without one the model servers count',
  })),
  ...COUNTED.map(([kind, check]) => ({
    title: `servers that count for ${kind} in metrics that nobody names`,
    change: {
      ...ownServer({ metrics: undefined }),
      [CHECKS]: [{ name: 'x', errorRate: { source: 'Gateway' } }, { name: 'y', [kind]: { ...check, source: 'Runtime' } }],
    },
    message: 'a check with source Runtime needs runtime.custom.metrics, which says in which metrics the server counts',
  })),
  ...COUNTED.filter(([kind]) => kind !== 'latency').map(([kind, check]) => ({
    title: `servers that tell no failures to ${kind}`,
    change: { ...ownServer({ metrics: 'KServe' }), [CHECKS]: [{ name: 'x', errorRate: {} }, { name: 'y', [kind]: { ...check, source: 'Runtime' } }] },
    message: 'servers of KServe do not tell which requests failed; an errorRate or a rate with source Runtime needs another server, or leave source to the gateway',
  })),
  {
    title: 'a source of queries',
    change: { [CHECKS]: [{ name: 'x', rate: { bad: OWN, total: OWN, atMost: '1%', source: 'Runtime' } }] },
    message: 'source is who counts failed requests; with bad and total give none',
  },
  {
    title: 'a limit that nothing can hold',
    change: { [CHECKS]: [{ name: 'x', limit: { query: 'up', min: '10', max: '9.5' } }] },
    message: 'min must not be higher than max',
  },
  {
    title: 'alerts of another namespace',
    change: { [LABELS]: { namespace: 'other' } },
    message: "matchLabels must not hold namespace; the alert's namespace must be that of this object in any case",
  },
  ...['1st', 'a-b', 'a'.repeat(129)].map((label) => ({
    title: `the alert label ${label}`,
    change: { [LABELS]: { [label]: 'x' } },
    message: "matchLabels must be named like Prometheus labels, with letters, digits and '_', not starting with a digit",
  })),
  {
    title: 'two checks of one name',
    change: {
      [CHECKS]: [
        { name: 'x', errorRate: {} },
        { name: 'x', errorRate: {} },
      ],
    },
    message: 'two checks have the same name',
  },
  {
    title: 'a host name twice',
    change: { 'spec.traffic.gateway.hostnames': ['a.example.com', 'a.example.com'] },
    message: 'Duplicate value',
  },
  ...['-a.example.com', 'a..example.com', '*.*.com', 'A.example.com', 'https://a'].map((name) => ({
    title: `the host name ${name}`,
    change: { 'spec.traffic.gateway.hostnames': [name] },
    message: 'spec.traffic.gateway.hostnames[0]',
  })),
  ...VALUES.flatMap(([path, message, , bad]) => bad.map((value) => ({ title: `${path} ${value}`, change: { [path]: value }, message }))),
];

const STAGES =
  'what follows models:/<model>/ must be the number of a version; stages such as Production are deprecated in MLflow, so set an alias on ' +
  'the version and give models:/<model>@<alias>';
const FORMS = 'give models:/<model>/<version>, models:/<model>@<alias>, models:/m-<id> or runs:/<run id>/<path>';
const NO_PATH = 'runs:/<run id> must go on with the path of the model in the run, such as runs:/<run id>/model';
const NO_SLASH = "model must hold neither '/' nor ':', as in MLflow; a URI belongs into uri";
const MLFLOW_CREDENTIALS =
  'server must not hold a user name or password, which everyone who may read this object would see; name a Secret in access.secretRef';

const NO_TAGS =
  "tags are written on a version in MLflow's registry, so writeTags needs source.mlflow with model, or with uri " +
  'models:/<model>/<version> or models:/<model>@<alias>';

const MLFLOW_CASES: readonly (readonly [title: string, mlflow: object, message: string])[] = [
  ['nothing but a server', {}, 'give either uri, or model with version or alias'],
  ['a uri and a model', { uri: 'models:/fraud/3', model: 'fraud', version: '3' }, 'give either uri, or model with version or alias'],
  ['a model alone', { model: 'fraud' }, 'with model, give exactly one of version and alias'],
  ['a version and an alias', { model: 'fraud', version: '3', alias: 'champion' }, 'with model, give exactly one of version and alias'],
  ['an alias beside a uri', { uri: 'models:/fraud/3', alias: 'champion' }, 'version and alias belong to model; a uri holds its own'],
  ['a stage', { uri: 'models:/fraud/Production' }, STAGES],
  ['version 0', { uri: 'models:/fraud/0' }, STAGES],
  ['a uri without a version', { uri: 'models:/fraud' }, FORMS],
  ['a uri with more than a version', { uri: 'models:/fraud/3/data' }, FORMS],
  ['a run without a path', { uri: 'runs:/4e0c903ac06b' }, NO_PATH],
  ['another kind of uri', { uri: 's3://bucket/fraud' }, 'spec.source.mlflow.uri in body should match'],
  ['a model with a slash', { model: 'team/fraud', version: '3' }, NO_SLASH],
  ['a version that is a stage', { model: 'fraud', version: 'Production' }, 'spec.source.mlflow.version in body should match'],
  ['a reserved alias', { model: 'fraud', alias: 'v3' }, 'v with a number is reserved by MLflow for versions; give version: "<number>"'],
  ['credentials', { server: 'https://ada:secret@mlflow.example.com', uri: 'models:/fraud/3' }, MLFLOW_CREDENTIALS],
  ['a server with a query', { server: 'https://mlflow.example.com?x=1', uri: 'models:/x/3' }, 'spec.source.mlflow.server in body should match'],
  ['a bucket as endpoint', { uri: 'models:/fraud/3', s3Endpoint: 's3://models' }, 'spec.source.mlflow.s3Endpoint in body should match'],
];
const REPOSITORY = 'https://git.example.com/risk/fraud.git';
const NO_PASSWORD =
  'repository must not hold a password, which everyone who may read this object would see; name a Secret in access.secretRef';
const IN_REPOSITORY = "path must be relative to the root of the repository, without '..'";
const PATH_OR_ARTIFACT = 'give either path, with or without revision, or artifact with version or stage';
const REVISION_OF_ARTIFACT = 'revision belongs to path; the commit of an artifact is that of its version or stage';
const DVC_CASES: readonly (readonly [title: string, dvc: Change, message: string])[] = [
  ['neither path nor artifact', {}, PATH_OR_ARTIFACT],
  ['path and artifact', { path: 'm', artifact: 'm', version: 'v1.0.0' }, PATH_OR_ARTIFACT],
  ['an artifact alone', { artifact: 'fraud' }, 'with artifact, give exactly one of version and stage'],
  ['version and stage', { artifact: 'fraud', version: 'v1.0.0', stage: 'prod' }, 'with artifact, give exactly one of version and stage'],
  ['the version of a path', { path: 'm', version: 'v1.0.0' }, 'version and stage belong to artifact; with path, give revision'],
  ['the stage of a path', { path: 'm', stage: 'prod' }, 'version and stage belong to artifact; with path, give revision'],
  ['the revision of an artifact', { artifact: 'm', stage: 'prod', revision: 'main' }, REVISION_OF_ARTIFACT],
  ...['1.0.0', 'v1.0', 'v01.0.0', 'Latest'].map(
    (version) => [`the version ${version}`, { artifact: 'm', version }, 'spec.source.dvc.version in body should match'] as const,
  ),
  ...['a b', 'fraud:', ':fraud', '-fraud', 'a:b:c', 'fraud@v1'].map(
    (artifact) => [`the artifact ${artifact}`, { artifact, stage: 'prod' }, 'spec.source.dvc.artifact in body should match'] as const,
  ),
  ['a stage with a number', { artifact: 'm', stage: 'prod#1' }, 'spec.source.dvc.stage in body should match'],
  ...['/m', '..', 'a/../b'].map((path) => [`the path ${path}`, { path }, IN_REPOSITORY] as const),
  ['a revision like an option', { path: 'm', revision: '--all' }, 'spec.source.dvc.revision in body should match'],
  ...['/srv/git/fraud', 'file:///srv/git/fraud', 'ext::sh -c id', 'git.example.com', 'https://git.example.com/'].map(
    (repository) => [`the repository ${repository}`, { repository, path: 'm' }, 'spec.source.dvc.repository in body should match'] as const,
  ),
  ...['https://ada@git.example.com/fraud', 'https://ada:hush@git.example.com/fraud', 'ssh://git:hush@git.example.com/fraud'].map(
    (repository) => [`the repository ${repository}`, { repository, path: 'm' }, NO_PASSWORD] as const,
  ),
];
const ONE_SOURCE =
  'give exactly one of dvc: {repository: "https://...", artifact: "...", stage: "..."}, ' +
  'git: {repository: "https://...", revision: "v1.4.0"}, http: {url: "https://..."}, ' +
  'mlflow: {server: "https://...", model: "...", alias: "..."}, ' +
  'oci: {reference: "<registry>/<repository>:<tag>"}, pvc: {claim: "<PersistentVolumeClaim>", path: "..."}, ' +
  's3: {bucket: "...", prefix: "..."}, ' +
  'tfx: {claim: "<PersistentVolumeClaim>", base: "..."}';
/** What was pushed by a pipeline, and whether it may be served is not asked. */
const PUSHED = { claim: 'models', base: 'serving/fraud', requireBlessing: false };

const S3_FOLDER =
  "versionId is for a single file, and a prefix that ends in a slash is a folder; give the file's key or leave versionId out";
const S3_NULL = 'versionId must be that of a bucket that keeps versions; null is what other buckets write over';
const S3_CREDENTIALS =
  'endpoint must not hold a user name or password, which everyone who may read this object would see; name a Secret in access.secretRef';

const S3_CASES: readonly (readonly [title: string, s3: object, message: string])[] = [
  ['a version of a folder', { prefix: 'fraud/', versionId: '3sL4kqtJ' }, S3_FOLDER],
  ['a version of a bucket', { prefix: '', versionId: '3sL4kqtJ' }, S3_FOLDER],
  ['the version of what has none', { versionId: 'null' }, S3_NULL],
  ['a version with a space', { versionId: 'a b' }, 'spec.source.s3.versionId in body should match'],
  ['a key that begins with a slash', { prefix: '/fraud/model.joblib' }, 'prefix must not begin with a slash, since keys in a bucket do not'],
  ['a key that leads up', { prefix: 'fraud/../model.joblib' }, "prefix must hold no segment '.' or '..'"],
  ['a key with a dot for a segment', { prefix: './model.joblib' }, "prefix must hold no segment '.' or '..'"],
  ['no prefix', { prefix: undefined }, 'spec.source.s3.prefix'],
  ['a bucket with a slash', { bucket: 'models/fraud' }, 'spec.source.s3.bucket in body should match'],
  ['a bucket that is a URI', { bucket: 's3://models' }, 'spec.source.s3.bucket in body should match'],
  ['a region that is none', { region: 'EU Central' }, 'spec.source.s3.region in body should match'],
  ['credentials', { endpoint: 'https://key:secret@store.example.com' }, S3_CREDENTIALS],
  ['an endpoint with a query', { endpoint: 'https://store.example.com?x=1' }, 'spec.source.s3.endpoint in body should match'],
  ['an endpoint of another kind', { endpoint: 's3://store.example.com' }, 'spec.source.s3.endpoint in body should match'],
];

/** A commit in a repository, with fields that are changed or added. */
function git(fields: object): Readonly<Record<string, unknown>> {
  return { 'spec.source': { git: { repository: 'https://git.example.com/fraud.git', revision: 'v1', ...fields } } };
}

const GIT_CASES: readonly Omit<Broken, 'plural'>[] = [
  ...['ext::sh -c id', 'ext::sh', '--upload-pack=id', 'git://a/b', '/srv/git', 'file://host/b', 'ssh://-oProxyCommand=id/x', 'u@-oX:y'].map(
    (repository) => ({
      title: `the repository ${repository}`,
      change: git({ repository }),
      message: 'spec.source.git.repository in body should match',
    }),
  ),
  ...['https://u:p@a.example.com/b', 'https://token@a.example.com/b', 'ssh://git:p@a.example.com/b'].map((repository) => ({
    title: `the repository ${repository}`,
    change: git({ repository }),
    message: 'repository must not hold a password, which everyone who may read this object would see; name a Secret in access.secretRef',
  })),
  ...['-x', 'a b', 'a^{}', 'HEAD~1', 'a:b', 'refs/*'].map((revision) => ({
    title: `the revision ${revision}`,
    change: git({ revision }),
    message: 'spec.source.git.revision in body should match',
  })),
  ...['/m', '..', 'a/../b'].map((path) => ({
    title: `the path ${path} in a repository`,
    change: git({ path }),
    message: "path must be relative to the root of the repository, without '..'",
  })),
  ...[{ claim: 'mirror' }, { repository: 'file:///fraud.git' }].map((fields) => ({
    title: `the repository ${JSON.stringify(fields)}`,
    change: git(fields),
    message: 'name the PersistentVolumeClaim in claim if repository is file:///<path in the claim>, and only then',
  })),
  {
    title: 'a way with dependencies that is none',
    change: { 'spec.dependencies': 'Enforce' },
    message: 'supported values: "Warn", "Strict", "Ignore"',
  },
  { title: 'a signature of the author', change: git({ verify: { signature: 'Author' } }), message: 'supported values: "Commit", "Tag"' },
];

const VERSION_CASES: readonly Omit<Broken, 'plural'>[] = [
  {
    title: 'another name',
    change: { 'metadata.name': 'fraud-1.4' },
    message: 'metadata.name must be fraud-1.4.0 (spec.model, a dash, spec.version)',
  },
  {
    title: 'no source',
    change: { 'spec.source': {} },
    message: ONE_SOURCE,
  },
  {
    title: 'two sources',
    change: { 'spec.source.pvc': { claim: 'models' } },
    message: ONE_SOURCE,
  },
  ...MLFLOW_CASES.map(([title, mlflow, message]) => ({
    title: `MLflow: ${title}`,
    change: { 'spec.source': { mlflow: { server: 'https://mlflow.example.com', ...mlflow } } },
    message,
  })),
  ...[
    { http: { url: 'https://models.example.com/fraud.tar.gz' } },
    ...['models:/m-3070c9161c4b', 'models:/m-3070c9161c4b/', 'runs:/4e0c903ac06b/model@1/2'].map((uri) => ({
      mlflow: { server: 'https://mlflow.example.com', uri },
    })),
  ].map((source) => ({
    title: `tags for ${JSON.stringify(source)}`,
    change: { 'spec.source': source, 'spec.writeTags': true },
    message: NO_TAGS,
  })),
  ...S3_CASES.map(([title, s3, message]) => ({
    title: `S3: ${title}`,
    change: { 'spec.source': { s3: { bucket: 'models', prefix: 'fraud/model.joblib', ...s3 } } },
    message,
  })),
  ...DVC_CASES.map(([title, dvc, message]) => ({
    title: `DVC: ${title}`,
    change: { 'spec.source': { dvc: { repository: REPOSITORY, ...dvc } } },
    message,
  })),
  ...GIT_CASES,
  ...['fraud:1', 'risk/fraud:1', 'registry.example.com/fraud', `registry:5000/fraud`].map((reference) => ({
    title: `the reference ${reference}`,
    change: { 'spec.source': { oci: { reference } } },
    message: 'reference must begin with the name of a registry and end in a tag or a digest, such as registry.example.com/fraud:1.4.0',
  })),
  ...['https://a.example.com/b:1', 'u:p@a.example.com/b:1', 'a.example.com/B:1', 'a.example.com/b:', 'a.example.com/b@sha256:1'].map(
    (reference) => ({
      title: `the reference ${reference}`,
      change: { 'spec.source': { oci: { reference } } },
      message: 'spec.source.oci.reference in body should match',
    }),
  ),
  ...['..', 'a/../b', '/../a'].map((path) => ({
    title: `the path ${path} in an artifact`,
    change: { 'spec.source': { oci: { reference: 'registry:5000/fraud:1', path } } },
    message: "path must not hold '..'",
  })),
  {
    title: 'a push without a word about its blessing',
    change: { 'spec.source': { tfx: { claim: 'models', base: 'serving/fraud' } } },
    message:
      'say where the model\'s blessing is to be found: metadata: "<SQLite file of ML Metadata>" or blessing: ' +
      '["<folder of the Evaluator\'s blessing>"]; or set requireBlessing: false',
  },
  ...[{ claim: undefined }, { s3: { bucket: 'models' } }].map((more) => ({
    title: `a push to ${'s3' in more ? 'two places' : 'nowhere'}`,
    change: { 'spec.source': { tfx: { ...PUSHED, ...more } } },
    message: 'say where the pipeline pushes: claim: "<PersistentVolumeClaim>" or s3: {bucket: "..."}, and not both',
  })),
  ...[{ endpoint: 'http://user:secret@store' }, { endpoint: 'store:9000' }, { bucket: 'a/b' }, { region: 'EU' }].map((more) => ({
    title: `a push to the bucket ${JSON.stringify(more)}`,
    change: { 'spec.source': { tfx: { ...PUSHED, claim: undefined, s3: { bucket: 'models', ...more } } } },
    message: `spec.source.tfx.s3.${Object.keys(more)[0] ?? ''} in body should match`,
  })),
  {
    title: 'a blessing without a version',
    change: { 'spec.source': { tfx: { ...PUSHED, blessing: ['a'] } } },
    message: 'a folder in blessing is about the model of one run, so give its version too',
  },
  ...(['base', 'metadata', 'blessing'] as const).flatMap((field) =>
    ['/a', '..', 'a/../b'].map((path) => ({
      title: `the ${field} ${path}`,
      change: { 'spec.source': { tfx: { ...PUSHED, version: '1', [field]: field === 'blessing' ? [path] : path } } },
      message: `${field} must be relative to the root of the claim or bucket, without '..'`,
    })),
  ),
  ...['v1', '-1', '1.0', '10000000000000000000', ''].map((version) => ({
    title: `the version '${version}' of a push`,
    change: { 'spec.source': { tfx: { ...PUSHED, version } } },
    message: 'spec.source.tfx.version',
  })),
  ...['/fraud', '..', '../fraud', 'a/../../b', 'a/..'].map((path) => ({
    title: `the path ${path} in a claim`,
    change: { 'spec.source': { pvc: { claim: 'models', path } } },
    message: "path must be relative to the root of the claim, without '..'",
  })),
  {
    title: 'storage of no kind',
    change: { 'spec.storage': {} },
    message: 'give claim, the only kind of storage that this version of Plimsoll knows: {claim: {name: "<PersistentVolumeClaim>"}}',
  },
  ...['50 Gi', '-1Gi', '500m', '1e9', 'Gi', '.5Gi', '5GB', ''].map((limit) => ({
    title: `storage of '${limit}'`,
    change: { 'spec.storage.limit': limit },
    message: 'spec.storage.limit in body should',
  })),
  ...['0', '0.0Gi', '0.5', '5Pi'].map((limit) => ({
    title: `storage of ${limit}`,
    change: { 'spec.storage.limit': limit },
    message: 'limit must be between 1 byte and 4Pi, such as 50Gi',
  })),
  {
    title: 'a limit of no claim',
    change: { 'spec.storage': { limit: '50Gi' } },
    message: 'give claim, the only kind of storage that this version of Plimsoll knows: {claim: {name: "<PersistentVolumeClaim>"}}',
  },
  ...['Models', '-models', 'a/b', ''].map((claim) => ({
    title: `a claim named '${claim}'`,
    change: { 'spec.source': { pvc: { claim } } },
    message: 'spec.source.pvc.claim in body should',
  })),
  ...['https://user:secret@models.example.com/x', 'http://user@models.example.com'].map((url) => ({
    title: `the address ${url}`,
    change: { 'spec.source.http.url': url },
    message:
      'url must not hold a user name or password, which everyone who may read this object would see; name a Secret in access.secretRef',
  })),
  ...['ftp://models.example.com/x', 'https://', 'https:///x', 'https://models.example.com/a b', 'models.example.com'].map((url) => ({
    title: `the address ${url}`,
    change: { 'spec.source.http.url': url },
    message: 'spec.source.http.url in body should match',
  })),
  ...['1..0', '1.-0', '.1', '1-', 'V1', '1_0', '1.0+cu12'].map((version) => ({
    title: `the version ${version}`,
    change: { 'spec.version': version, 'metadata.name': `fraud-${version}` },
    message: 'version',
  })),
  { title: 'the version 1.1 without quotes', change: { 'spec.version': 1.1 }, message: 'spec.version in body must be of type string' },
  ...['1e5', '.5', '5.', 'NaN', '+1'].map((value) => ({
    title: `the metric ${value}`,
    change: { 'spec.evaluation.metrics': { auc: value } },
    message: 'spec.evaluation.metrics.auc in body should match',
  })),
];

const RELEASE_CASES: readonly Omit<Broken, 'plural'>[] = ['fraud-r8', 'fraud-r07', 'fraud-r7-r7', 'other-r7', 'fraud'].map((name) => ({
  title: `the name ${name}`,
  change: { 'metadata.name': name },
  message: 'metadata.name must be spec.deployment, then -r, then spec.number, such as fraud-r7',
}));

const SET_CASES: readonly Omit<Broken, 'plural'>[] = [
  ...['platform.eu', '-a', 'a'.repeat(64)].map((name) => ({
    title: `the name ${name}`,
    change: { 'metadata.name': name },
    message:
      name === '-a' ? 'metadata.name' : "metadata.name must hold only a-z, 0-9 and '-', not start or end with '-', and have at most 63 characters",
  })),
  ...DEPLOYMENT_CASES.flatMap(ofSet),
  { title: 'no checks', change: { 'spec.checks': [] }, message: 'should have at least 1 items' },
];

/** What is said of the checks of a ModelDeployment alone holds for those of a CheckSet too. */
function ofSet<Case extends { readonly change: Change }>(each: Case): readonly Case[] {
  const entries = Object.entries(each.change);
  const isOfChecks = entries.every(([path]) => path.startsWith(CHECKS));
  return isOfChecks ? [{ ...each, change: Object.fromEntries(entries.map(([path, value]) => [path.replace(CHECKS, 'spec.checks'), value])) }] : [];
}

/** Objects that are refused when they are made. */
export const BROKEN: readonly Broken[] = [
  ...VERSION_CASES.map((each) => ({ plural: 'modelversions' as const, ...each })),
  ...DEPLOYMENT_CASES.map((each) => ({ plural: 'modeldeployments' as const, ...each })),
  ...RELEASE_CASES.map((each) => ({ plural: 'modelreleases' as const, ...each })),
  ...SET_CASES.map((each) => ({ plural: 'checksets' as const, ...each })),
];

const TAKEN_ALONE: readonly Taken[] = [
  {
    plural: 'modelversions',
    title: 'the longest name',
    change: { 'spec.model': 'm'.repeat(40), 'spec.version': '1'.repeat(40), 'metadata.name': `${'m'.repeat(40)}-${'1'.repeat(40)}` },
  },
  {
    plural: 'modelversions',
    title: 'an @ in the path of the address',
    change: { 'spec.source.http.url': 'http://models:8080/a@b.tar.gz' },
  },
  { plural: 'modelversions', title: 'a whole claim as the source', change: { 'spec.source': { pvc: { claim: 'models.v2' } } } },
  ...[
    { requireBlessing: true, metadata: 'a..b/m.sqlite' },
    { requireBlessing: true, version: '0', blessing: ['x', 'y'] },
    { base: '.' },
  ].map((more, i) => ({
    plural: 'modelversions' as const,
    title: `push ${i + 1}`,
    change: { 'spec.source': { tfx: { ...PUSHED, ...more } } },
  })),
  ...[
    { repository: 'git@git.example.com:risk/fraud.git', path: 'models/fraud', verify: { signature: 'Tag' } },
    { repository: 'ssh://git@git.example.com:2222/risk/fraud.git', revision: 'refs/tags/fraud@v1.0.0' },
    { repository: 'file:///fraud.git', claim: 'mirror', revision: '4f0c2a7' },
    { repository: 'http://gitea.git:3000/risk/fraud', revision: 'fraud#prod#1' },
  ].map((fields) => ({ plural: 'modelversions' as const, title: `the repository ${fields.repository}`, change: git(fields) })),
  ...['localhost/fraud:v1', '[::1]:5000/a/b__c:1_0', `registry.example.com/risk/fraud:1@sha256:${'a'.repeat(64)}`].map((reference) => ({
    plural: 'modelversions' as const,
    title: `the reference ${reference}`,
    change: { 'spec.source': { oci: { reference, path: '/models/1..0' } } },
  })),
  ...['fraud/1.4.0', '..a/b..', 'a...b', 'with blanks/x.zip'].map((path) => ({
    plural: 'modelversions' as const,
    title: `the path ${path} in a claim`,
    change: { 'spec.source': { pvc: { claim: 'models', path } } },
  })),
  ...[
    { model: 'Fraud Detection (EU)', version: '3' },
    { model: 'fraud', alias: 'champion' },
    { model: 'fraud', alias: 'véritable-v3' },
    { server: 'http://mlflow.ml:5000/prefix/', uri: 'models:/Fraud Detection (EU)@champion', s3Endpoint: 'http://minio.storage:9000' },
    { uri: 'models:/fraud/3' },
    { uri: 'models:/fraud/latest' },
    { uri: 'models:/m-3070c9161c4b4fe6ad2b823bf67cc212' },
    { uri: 'runs:/4e0c903ac06b4166897309ffb2aec190/exports/model 1' },
  ].map((mlflow) => ({
    plural: 'modelversions' as const,
    title: `MLflow ${JSON.stringify(mlflow)}`,
    change: { 'spec.source': { mlflow: { server: 'https://mlflow.example.com', ...mlflow } } },
  })),
  ...[
    { model: 'Fraud Detection (EU)', version: '3' },
    { uri: 'models:/Fraud Detection (EU)@champion' },
    { uri: 'models:/fraud/3' },
    { uri: 'models:/m-3070c9161c4b4fe6ad2b823bf67cc212@champion' },
  ].map((mlflow) => ({
    plural: 'modelversions' as const,
    title: `tags for MLflow ${JSON.stringify(mlflow)}`,
    change: { 'spec.source': { mlflow: { server: 'https://mlflow.example.com', ...mlflow } }, 'spec.writeTags': true },
  })),
  { plural: 'modelversions', title: 'no tags for a source without a registry', change: { 'spec.writeTags': false } },
  ...[
    { prefix: 'fraud/model.joblib', versionId: '3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY' },
    { prefix: '' },
    { prefix: 'Fraud (EU)/..rc1/v1.4.0+cu12/' },
    { prefix: 'fraud/1.4.0', region: 'eu-central-1', bucket: 'Old_bucket.2012' },
    { prefix: 'fraud/1.4.0', endpoint: 'https://project.example.com/storage/v1/s3' },
    { prefix: 'fraud/1.4.0', endpoint: 'http://minio.storage:9000/' },
  ].map((s3) => ({
    plural: 'modelversions' as const,
    title: `S3 ${JSON.stringify(s3)}`,
    change: { 'spec.source': { s3: { bucket: 'models', ...s3 } } },
  })),
  ...[
    { path: 'models/fraud.pkl' },
    { path: '.', revision: 'refs/tags/v1', repository: 'git@git.example.com:risk/fraud.git' },
    { path: 'a..b/c d', repository: 'ssh://git@git.example.com:2222/~ada/fraud', remote: 'store' },
    { artifact: 'fraud', version: 'latest' },
    { artifact: 'models/eu:fraud', version: 'v1.0.0-rc.1+cu12' },
    { artifact: 'Fraud_2', stage: 'prod/eu', repository: 'http://git.ml:3000/risk/fraud@2' },
  ].map((dvc) => ({
    plural: 'modelversions' as const,
    title: `DVC ${JSON.stringify(dvc)}`,
    change: { 'spec.source': { dvc: { repository: REPOSITORY, ...dvc } } },
  })),
  { plural: 'modelversions', title: 'a version of a commit', change: { 'spec.version': '4f0c2a7', 'metadata.name': 'fraud-4f0c2a7' } },
  { plural: 'modeldeployments', title: 'the longest name', change: { 'metadata.name': 'a'.repeat(40) } },
  ...[{ modelPath: '/models/fraud/1' }, { modelPath: `/${'m'.repeat(255)}` }, { modelPath: '/tmp/models' }].map((custom, i) => ({
    plural: 'modeldeployments' as const,
    title: `a server of its own, in form ${i + 1}`,
    change: ownServer(custom),
  })),
  ...[
    { path: '/healthz?full=1', expect: { status: 204 } },
    { path: '/predict', body: '{"a": [1, 2]}', contentType: 'application/json; charset=utf-8', expect: { contains: '"predictions"' } },
    { path: '/', bodyFrom: { configMapKeyRef: { name: 'fraud-probe', key: 'digit.png' } }, contentType: 'image/png' },
  ].map((probe, i) => ({ plural: 'modeldeployments' as const, title: `probe ${i + 1} of its own`, change: ownServer({}, probe) })),
  ...['1', '1500', '1.5Gi', '100Ti', '4Pi', '250G'].map((limit) => ({
    plural: 'modelversions' as const,
    title: `storage of ${limit}`,
    change: { 'spec.storage.limit': limit },
  })),
  { plural: 'modeldeployments', title: 'a last step of 100 %', change: { [STEPS]: [{ weight: 1 }, { weight: 100, hold: '1h' }] } },
  {
    plural: 'modeldeployments',
    title: 'an unlimited request',
    change: { 'spec.traffic.gateway.timeouts': { request: '0s', backendRequest: '5s' } },
  },
  { plural: 'modeldeployments', title: 'a check with nothing but defaults', change: { [CHECKS]: [{ name: 'errors', errorRate: {} }] } },
  { plural: 'modeldeployments', title: 'latency without a word', change: { [CHECKS]: [{ name: 'x', errorRate: {} }, { name: 'y', latency: {} }] } },
  { plural: 'modeldeployments', title: 'a rate of failed requests', change: { [CHECKS]: [{ name: 'x', rate: { atMost: '1%' } }] } },
  ...(['Gateway', 'Runtime'] as const).map((source) => ({
    plural: 'modeldeployments' as const,
    title: `requests that are counted by the ${source}`,
    change: { [CHECKS]: COUNTED.map(([kind, check]) => ({ name: kind.toLowerCase(), [kind]: { ...check, source } })) },
  })),
  {
    plural: 'modeldeployments',
    title: 'servers that count where there is no gateway',
    change: { ...WITHOUT_GATEWAY, 'spec.traffic': { none: {} }, [CHECKS]: [{ name: 'x', errorRate: { source: 'Runtime' } }] },
  },
  {
    plural: 'modeldeployments',
    title: 'durations of servers that tell no failures',
    change: { ...ownServer({ metrics: 'KServe' }), [CHECKS]: [{ name: 'x', errorRate: {} }, { name: 'y', latency: { source: 'Runtime' } }] },
  },
  {
    plural: 'modeldeployments',
    title: 'a gateway that counts before servers that nobody knows',
    change: { ...ownServer({ metrics: undefined }), [CHECKS]: [{ name: 'x', errorRate: { source: 'Gateway' } }, { name: 'y', latency: {} }] },
  },
  {
    plural: 'modeldeployments',
    title: 'certificates of a set of checks',
    change: { [CHECKS]: [{ name: 'x', latency: {} }] },
  },
  {
    plural: 'modeldeployments',
    title: 'a limit of one number',
    change: { [CHECKS]: [{ name: 'x', limit: { query: 'up', min: '1', max: '1.0' } }] },
  },
  { plural: 'modeldeployments', title: 'the longest alert label', change: { [LABELS]: { [`_${'a'.repeat(127)}`]: 'x' } } },
  {
    plural: 'modelreleases',
    title: 'no revision to go back to',
    change: { 'spec.from': undefined, 'spec.cause': { type: 'First' }, 'spec.plan.steps': [], 'spec.plan.checks': [] },
  },
  { plural: 'modelreleases', title: 'a large number', change: { 'spec.number': 12345678, 'metadata.name': 'fraud-r12345678' } },
  ...VALUES.flatMap(([path, , good]) =>
    good.map((value) => ({
      plural: 'modeldeployments' as const,
      title: `${path} ${value}`,
      // A request timeout below that of the attempt would break another rule.
      change: path.endsWith('.request') ? { [path]: value, 'spec.traffic.gateway.timeouts.backendRequest': undefined } : { [path]: value },
    })),
  ),
];

/** Objects at the edge of a rule that are taken. */
export const TAKEN: readonly Taken[] = [
  ...TAKEN_ALONE,
  ...TAKEN_ALONE.flatMap(ofSet).map((each) => ({ ...each, plural: 'checksets' as const })),
  ...['0', 'a'.repeat(63)].map((name) => ({ plural: 'checksets' as const, title: `the name ${name}`, change: { 'metadata.name': name } })),
];

const FIXED = 'model, version, format and source never change; create another ModelVersion instead';
const DIGEST_ONCE = 'digest can be added once, not changed or removed; create another ModelVersion instead';
const PROVENANCE_ONCE = 'provenance can be added once, not changed or removed; create another ModelVersion instead';
const RESOLVED_ONCE = 'status.resolved.digest is written once; delete this ModelVersion and create it again to resolve its source anew';
const FINISHED = 'a finished release never changes';
const RISES = 'a decision cannot be taken back; it only rises from Shift over Promote to RollBack';
const RECORD = 'only spec.control may change; the rest records what was decided when the release started';
const running = (decision: string): Change => ({ 'status.finishedAt': undefined, 'status.decision': decision });

const UPDATES: readonly Omit<Update, 'expectation'>[] = [
  { plural: 'modelversions', title: 'another model', before: {}, after: { 'spec.model': 'other' }, message: FIXED },
  { plural: 'modelversions', title: 'another version', before: {}, after: { 'spec.version': '2' }, message: FIXED },
  { plural: 'modelversions', title: 'another format', before: {}, after: { 'spec.format.name': 'xgboost' }, message: FIXED },
  {
    plural: 'modelversions',
    title: 'another address',
    before: {},
    after: { 'spec.source.http.url': 'https://models.example.com/other' },
    message: FIXED,
  },
  {
    plural: 'modelversions',
    title: 'a digest where there was none',
    before: { 'spec.digest': undefined },
    after: { 'spec.digest': OTHER_DIGEST },
  },
  { plural: 'modelversions', title: 'another digest', before: {}, after: { 'spec.digest': OTHER_DIGEST }, message: DIGEST_ONCE },
  { plural: 'modelversions', title: 'a removed digest', before: {}, after: { 'spec.digest': undefined }, message: DIGEST_ONCE },
  {
    plural: 'modelversions',
    title: 'provenance where there was none',
    before: { 'spec.provenance': undefined },
    after: { 'spec.provenance': { parents: ['fraud-1'] } },
  },
  {
    plural: 'modelversions',
    title: 'another provenance',
    before: {},
    after: { 'spec.provenance.code.commit': 'abc' },
    message: PROVENANCE_ONCE,
  },
  { plural: 'modelversions', title: 'a removed provenance', before: {}, after: { 'spec.provenance': undefined }, message: PROVENANCE_ONCE },
  {
    plural: 'modelversions',
    title: 'another evaluation and access',
    before: {},
    after: { 'spec.evaluation': { metrics: { auc: '0.9' } }, 'spec.access': undefined },
  },
  {
    plural: 'modelversions',
    title: 'a first digest in status',
    before: { 'status.resolved': undefined },
    after: { 'status.resolved': { digest: OTHER_DIGEST } },
  },
  {
    plural: 'modelversions',
    title: 'another digest in status',
    before: {},
    after: { 'status.resolved.digest': OTHER_DIGEST },
    message: RESOLVED_ONCE,
  },
  { plural: 'modelversions', title: 'a removed resolution', before: {}, after: { 'status.resolved': undefined }, message: RESOLVED_ONCE },
  { plural: 'modelversions', title: 'a removed status', before: {}, after: { status: undefined }, message: RESOLVED_ONCE },
  { plural: 'modelversions', title: 'another condition', before: {}, after: { 'status.conditions[0].status': 'False' } },
  {
    plural: 'modeldeployments',
    title: 'another model',
    before: {},
    after: { 'spec.model': 'other' },
    message: 'model never changes; create another ModelDeployment instead',
  },
  ...['replicaShare', 'none'].map((other) => ({
    plural: 'modeldeployments' as const,
    title: `${other} where there was a gateway`,
    before: {},
    after: { 'spec.traffic': { [other]: {} }, ...WITHOUT_GATEWAY },
    message: SAME_ROUTING,
  })),
  {
    plural: 'modeldeployments',
    title: 'a gateway where there was none',
    before: { 'spec.traffic': { none: {} }, ...WITHOUT_GATEWAY },
    after: { 'spec.traffic': { gateway: { parentRefs: [{ name: 'public' }] } } },
    message: SAME_ROUTING,
  },
  {
    plural: 'modeldeployments',
    title: 'another gateway',
    before: {},
    after: { 'spec.traffic.gateway.parentRefs': [{ name: 'other' }], 'spec.traffic.gateway.hostnames': undefined },
  },
  {
    plural: 'modeldeployments',
    title: 'another drain',
    before: { 'spec.traffic': { replicaShare: {} }, ...WITHOUT_GATEWAY },
    after: { 'spec.traffic.drain': '1m' },
  },
  { plural: 'modeldeployments', title: 'another version', before: {}, after: { 'spec.version': '1.5.0' } },
  { plural: 'modelreleases', title: 'another control', before: {}, after: { 'spec.control': { action: 'Run', by: 'bob' } } },
  { plural: 'modelreleases', title: 'a removed control', before: {}, after: { 'spec.control': undefined } },
  { plural: 'modelreleases', title: 'another plan', before: {}, after: { 'spec.plan.minRequests': 1 }, message: RECORD },
  { plural: 'modelreleases', title: 'a removed cause', before: {}, after: { 'spec.cause.commit': undefined }, message: RECORD },
  { plural: 'modelreleases', title: 'a removed revision to go back to', before: {}, after: { 'spec.from': undefined }, message: RECORD },
  { plural: 'modelreleases', title: 'another message once finished', before: {}, after: { 'status.message': 'other' }, message: FINISHED },
  {
    plural: 'modelreleases',
    title: 'an unfinished finished release',
    before: {},
    after: { 'status.finishedAt': undefined },
    message: FINISHED,
  },
  { plural: 'modelreleases', title: 'a removed status once finished', before: {}, after: { status: undefined }, message: FINISHED },
  {
    plural: 'modelreleases',
    title: 'the end of a release',
    before: running('RollBack'),
    after: { 'status.finishedAt': '2026-11-24T11:00:00Z', 'status.message': 'other' },
  },
  {
    plural: 'modelreleases',
    title: 'a first decision',
    before: { 'status.finishedAt': undefined, 'status.decision': undefined },
    after: { 'status.decision': 'RollBack' },
  },
  { plural: 'modelreleases', title: 'Promote after Shift', before: running('Shift'), after: { 'status.decision': 'Promote' } },
  { plural: 'modelversions', title: 'another way with dependencies', before: {}, after: { 'spec.dependencies': 'Warn' } },
  { plural: 'modelversions', title: 'dependencies left to the default', before: {}, after: { 'spec.dependencies': undefined } },
  { plural: 'modelversions', title: 'other storage', before: {}, after: { 'spec.storage': { claim: { name: 'other' } } } },
  { plural: 'modelversions', title: 'another limit of storage', before: {}, after: { 'spec.storage.limit': '60Gi' } },
  { plural: 'modelversions', title: 'no limit of storage any more', before: {}, after: { 'spec.storage.limit': undefined } },
  { plural: 'modelversions', title: 'storage taken away', before: {}, after: { 'spec.storage': undefined } },
  {
    plural: 'modelversions',
    title: 'another claim as the source',
    before: {},
    after: { 'spec.source': { pvc: { claim: 'models' } } },
    message: 'model, version, format and source never change; create another ModelVersion instead',
  },
  { plural: 'modelreleases', title: 'RollBack after Shift', before: running('Shift'), after: { 'status.decision': 'RollBack' } },
  { plural: 'modelreleases', title: 'RollBack after Promote', before: running('Promote'), after: { 'status.decision': 'RollBack' } },
  { plural: 'modelreleases', title: 'the same decision again', before: running('RollBack'), after: { 'status.step': 1 } },
  {
    plural: 'modelreleases',
    title: 'Shift after Promote',
    before: running('Promote'),
    after: { 'status.decision': 'Shift' },
    message: RISES,
  },
  {
    plural: 'modelreleases',
    title: 'Shift after RollBack',
    before: running('RollBack'),
    after: { 'status.decision': 'Shift' },
    message: RISES,
  },
  {
    plural: 'modelreleases',
    title: 'Promote after RollBack',
    before: running('RollBack'),
    after: { 'status.decision': 'Promote' },
    message: RISES,
  },
  {
    plural: 'modelreleases',
    title: 'a removed decision',
    before: running('Shift'),
    after: { 'status.decision': undefined },
    message: RISES,
  },
  {
    plural: 'modelreleases',
    title: 'a removed status under way',
    before: running('RollBack'),
    after: { status: undefined },
    message: RISES,
  },
];

/** Updates of stored objects. */
export const CHANGES: readonly Update[] = UPDATES.map((each) => ({
  ...each,
  expectation: each.message === undefined ? ('takes' as const) : ('refuses' as const),
}));
