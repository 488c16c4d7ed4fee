// generated from crds/plimsoll.dev_modelversions.yaml, do not edit

import type { Condition, ObjectMeta } from '../meta.ts';

/** One version of one model: where its bytes are, what they are (by digest), and how they came about. Its identity never changes; a ModelDeployment in the same namespace serves it by naming its model and version. */
export interface ModelVersion {
  readonly apiVersion: 'plimsoll.dev/v1alpha1';
  readonly kind: 'ModelVersion';
  readonly metadata: ObjectMeta;
  /** What this version is. model, version, format and source are fixed at creation. */
  readonly spec: ModelVersionSpec;
  /** What the operator found. Written by the operator only. */
  readonly status?: ModelVersionStatus;
}

/** What kind of model the bytes are. The runtime preset picks its loader by it. */
export interface ModelVersionFormat {
  /** Name of the format, as the runtime preset of the ModelDeployment knows it. Not read when the model brings a model-settings.json of its own. Example: sklearn. */
  readonly name: string;
  /** Version of the library that wrote the model. Recorded, not checked. Default: none. Example: "1.8". */
  readonly version?: string;
}

/** A file or folder that DVC keeps for a Git repository: what is at a path, or a version of an artifact that GTO has registered in its tags. Resolved once, to a commit: a branch, tag or stage that moves later moves nothing here. The stage's parameters, its metrics and the checksums of its data are taken over into status.metadata. */
export interface ModelVersionSourceDvc {
  /** Address of the Git repository, as `git clone` takes it: https://…, ssh://… or user@host:path. Read by pods in this namespace, never by the operator. Example: https://git.example.com/risk/fraud.git. */
  readonly repository: string;
  /** Branch, tag or commit that path is of. It is followed once, when the ModelVersion is resolved, and never again. Default: HEAD, the default branch. Example: main. */
  readonly revision?: string;
  /** The file or folder, as `dvc get` takes it; an archive (.tar.gz, .tar, .zip) is unpacked. What is not in DVC is taken from Git. Default: none, artifact is given. Example: models/fraud.pkl. */
  readonly path?: string;
  /** Name of the artifact, as GTO has it: one that dvc.yaml has in a folder has that folder and a colon before its name. Default: none, path is given. Example: models/eu:fraud. */
  readonly artifact?: string;
  /** Registered version of the artifact, or latest for the highest one by semver, pre-releases included. Default: none, stage is given. Example: v1.4.0. */
  readonly version?: string;
  /** Stage of the artifact, which stands for the version that `gto show` has in it. It is followed once. Default: none, version is given. Example: prod. */
  readonly stage?: string;
  /** Name of the remote in .dvc/config that has the files, as in `dvc get --remote`: one at https:// or s3://. Default: the repository's own default remote. Example: store. */
  readonly remote?: string;
}

/** What has to be signed by somebody whom the Secret of access.secretRef names: in allowed_signers (SSH keys, in the format of that file of OpenSSH) or allowed_signers.asc (OpenPGP public keys). Default: signatures are not looked at. */
export interface ModelVersionSourceGitVerify {
  /** The commit, or the annotated tag that revision names. Example: Tag. */
  readonly signature: 'Commit' | 'Tag';
}

/** A commit of a Git repository. A branch or tag is followed once, when the version is resolved; pods fetch that commit and never look at the branch or tag again. Files in Git LFS are fetched from there. */
export interface ModelVersionSourceGit {
  /** Address of the repository: https://, http://, ssh://, user@host:path, or file:/// and a path in the claim. Example: https://git.example.com/risk/fraud.git. */
  readonly repository: string;
  /** A branch, a tag, or a commit. A commit's whole name never moves and is found the quickest; the beginning of one (7 characters or more) needs the history to be read. Example: v1.4.0. */
  readonly revision: string;
  /** A file, a folder, or an archive (.tar.gz, .tar, .zip) that is unpacked. Symbolic links and submodules in it are refused. Default: the whole repository. Example: models/fraud. */
  readonly path?: string;
  /** A PersistentVolumeClaim in this namespace that holds the repository of a file:/// address. Mounted read-only. Default: none. Example: git-mirror. */
  readonly claim?: string;
  /** What has to be signed by somebody whom the Secret of access.secretRef names: in allowed_signers (SSH keys, in the format of that file of OpenSSH) or allowed_signers.asc (OpenPGP public keys). Default: signatures are not looked at. */
  readonly verify?: ModelVersionSourceGitVerify;
}

/** A file on a web server. */
export interface ModelVersionSourceHttp {
  /** Address of one file, or of an archive (.tar.gz, .tar, .zip) that is unpacked. Fetched by pods in this namespace, never by the operator. Example: https://models.example.com/fraud/1.4.0.tar.gz. */
  readonly url: string;
}

/** A version in the registry of an MLflow server, or what a run logged. Resolved once: an alias that moves later moves nothing here. The run's parameters, metrics, data sets and commit are taken over into status.metadata. */
export interface ModelVersionSourceMlflow {
  /** Address of the server, as MLFLOW_TRACKING_URI has it. Asked by pods in this namespace, never by the operator. Example: https://mlflow.example.com. */
  readonly server: string;
  /** The version as MLflow's own clients name it: models:/<model>/<version>, models:/<model>@<alias>, models:/m-<id> of a LoggedModel, or runs:/<run id>/<path>. Default: none, model with version or alias is given. Example: models:/fraud@champion. */
  readonly uri?: string;
  /** Name of the registered model, as MLflow has it. It may hold what spec.model cannot. Default: none, uri is given. Example: Fraud Detection (EU). */
  readonly model?: string;
  /** Number of the version in quotes. Default: none, alias is given. Example: "3". */
  readonly version?: string;
  /** Alias of the version. It is followed once, when the ModelVersion is resolved, and never again. Default: none, version is given. Example: champion. */
  readonly alias?: string;
  /** Address of the store where the server keeps artifacts in s3://, if it is not AWS's own; what clients have in MLFLOW_S3_ENDPOINT_URL. Not asked when artifacts come through the server. Default: the address of AWS. Example: http://minio.storage:9000. */
  readonly s3Endpoint?: string;
}

/** An artifact in an OCI registry: a ModelPack, a ModelKit, files that oras has pushed, or an image with the model in its layers. A tag is resolved once, to the digest of a manifest; nothing else is ever pulled for this version. */
export interface ModelVersionSourceOci {
  /** The artifact, as registry/repository:tag or registry/repository@sha256:…; where both a tag and a digest are given, the digest counts. An index leads to its only manifest, or to that for linux/amd64. Example: registry.example.com/risk/fraud:1.4.0. */
  readonly reference: string;
  /** Folder of the artifact that is the version; what is elsewhere in it is left out, such as the operating system of an image. Default: all of it. Example: models. */
  readonly path?: string;
  /** Whether the registry is reached by http, for one inside the cluster: anyone on the way can read the credentials then, and choose what a tag leads to. Default: false, by https. Example: true. */
  readonly plainHTTP?: boolean;
}

/** A PersistentVolumeClaim in this namespace. The pods that fetch mount it read-only and copy from it; it has to allow that on every node where they run. */
export interface ModelVersionSourcePvc {
  /** Name of the claim. Example: training-output. */
  readonly claim: string;
  /** A file, a folder, or an archive (.tar.gz, .tar, .zip) that is unpacked. Symbolic links to files are followed as long as they stay in the claim. Default: the whole claim. Example: fraud/1.4.0. */
  readonly path?: string;
}

/** A bucket of AWS S3 or of any store that speaks as it does. Where it keeps versions of objects, pods fetch those that were found when the version was resolved, whatever is written later. */
export interface ModelVersionSourceS3 {
  /** Address of a store that is not AWS's own. Default: the address of AWS in the bucket's region. Example: http://minio.storage:9000. */
  readonly endpoint?: string;
  /** Region of the bucket. Default: that of the cluster on AWS, else us-east-1; if the store says that it is another one, that is taken. Example: eu-central-1. */
  readonly region?: string;
  /** Name of the bucket. Example: models. */
  readonly bucket: string;
  /** Key of a file, or of an archive (.tar.gz, .tar, .zip) that is unpacked; or a folder, of which all files are taken, those of folders in it too. With a slash at its end it can only be a folder; empty, it is the whole bucket. Example: fraud/1.4.0. */
  readonly prefix: string;
  /** Version of the file. Default: the one that is there when the version is resolved. Example: 3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY. */
  readonly versionId?: string;
}

/** The bucket, on AWS S3 or any store that speaks as it does. Its credentials are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the Secret, or the role of the ServiceAccount, or none. */
export interface ModelVersionSourceTfxS3 {
  /** Address of a store that is not AWS's own. Default: the address of AWS in the bucket's region. Example: http://minio.storage:9000. */
  readonly endpoint?: string;
  /** Region of the bucket. Default: that of the cluster on AWS, else us-east-1; if the store says that it is another one, that is taken. Example: eu-central-1. */
  readonly region?: string;
  /** Name of the bucket. Example: models. */
  readonly bucket: string;
}

/** A SavedModel that a TFX pipeline has pushed to a folder in a bucket, or in a PersistentVolumeClaim of this namespace, which the pods that fetch mount read-only. */
export interface ModelVersionSourceTfx {
  /** Name of the claim. Default: none, s3 is given. Example: training-output. */
  readonly claim?: string;
  /** The bucket, on AWS S3 or any store that speaks as it does. Its credentials are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the Secret, or the role of the ServiceAccount, or none. */
  readonly s3?: ModelVersionSourceTfxS3;
  /** Folder that the Pusher writes to, with a folder named by a number for each version; . is the root. Example: serving/fraud. */
  readonly base: string;
  /** Number of the version, in quotes. Default: the highest one that is complete, chosen once. Example: "1764240000". */
  readonly version?: string;
  /** Whether the Evaluator must have blessed the model, and the InfraValidator must not have refused it. A blessing that is not found does not count. Asked once, when the version is resolved. Default: true. Example: false. */
  readonly requireBlessing?: boolean;
  /** Folders in the same place with the blessing of the Evaluator (and of the InfraValidator) for this version: the files BLESSED or NOT_BLESSED (INFRA_BLESSED or INFRA_NOT_BLESSED). Default: none, the blessing is looked for in metadata. Example: [pipelines/fraud/Evaluator/blessing/14]. */
  readonly blessing?: readonly string[];
  /** SQLite file of ML Metadata in the same place. It says whether the model is blessed, and what it was made from, which goes to status.metadata. Default: none. Example: tfx/metadata.sqlite. */
  readonly metadata?: string;
}

/** Where the bytes are fetched from, by exactly one member. One file as it is, a folder, or an archive. */
export interface ModelVersionSource {
  /** A file or folder that DVC keeps for a Git repository: what is at a path, or a version of an artifact that GTO has registered in its tags. Resolved once, to a commit: a branch, tag or stage that moves later moves nothing here. The stage's parameters, its metrics and the checksums of its data are taken over into status.metadata. */
  readonly dvc?: ModelVersionSourceDvc;
  /** A commit of a Git repository. A branch or tag is followed once, when the version is resolved; pods fetch that commit and never look at the branch or tag again. Files in Git LFS are fetched from there. */
  readonly git?: ModelVersionSourceGit;
  /** A file on a web server. */
  readonly http?: ModelVersionSourceHttp;
  /** A version in the registry of an MLflow server, or what a run logged. Resolved once: an alias that moves later moves nothing here. The run's parameters, metrics, data sets and commit are taken over into status.metadata. */
  readonly mlflow?: ModelVersionSourceMlflow;
  /** An artifact in an OCI registry: a ModelPack, a ModelKit, files that oras has pushed, or an image with the model in its layers. A tag is resolved once, to the digest of a manifest; nothing else is ever pulled for this version. */
  readonly oci?: ModelVersionSourceOci;
  /** A PersistentVolumeClaim in this namespace. The pods that fetch mount it read-only and copy from it; it has to allow that on every node where they run. */
  readonly pvc?: ModelVersionSourcePvc;
  /** A bucket of AWS S3 or of any store that speaks as it does. Where it keeps versions of objects, pods fetch those that were found when the version was resolved, whatever is written later. */
  readonly s3?: ModelVersionSourceS3;
  /** A SavedModel that a TFX pipeline has pushed to a folder in a bucket, or in a PersistentVolumeClaim of this namespace, which the pods that fetch mount read-only. */
  readonly tfx?: ModelVersionSourceTfx;
}

/** A Secret in this namespace with what the source asks for: the key token (sent as a bearer token; to Git as a password), or username and password (HTTP basic authentication); for Git by SSH ssh-privatekey and known_hosts; for oci also .dockerconfigjson; for s3 AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if they are temporary, AWS_SESSION_TOKEN; for dvc also what its remote asks for; wherever TLS is spoken also ca.crt (authorities beside the usual ones), and tls.crt with tls.key (mutual TLS). It is mounted into the pods that fetch. */
export interface ModelVersionAccessSecretRef {
  /** Name of the Secret. Example: model-store. */
  readonly name: string;
}

/** A Secret in this namespace for the Jobs of writeTags, with the keys that secretRef has: credentials that may write, while those that are mounted into serving pods need no more than to read. Default: secretRef. */
export interface ModelVersionAccessTagSecretRef {
  /** Name of the Secret. Example: mlflow-writer. */
  readonly name: string;
}

/** What the pods that fetch the bytes run with, in this namespace. The operator itself reads no Secret. May change at any time; another secretRef changes the pods that serve the version, so it starts a release. */
export interface ModelVersionAccess {
  /** ServiceAccount of the Job that resolves the source. Default: default. Example: model-reader. */
  readonly serviceAccountName?: string;
  /** A Secret in this namespace with what the source asks for: the key token (sent as a bearer token; to Git as a password), or username and password (HTTP basic authentication); for Git by SSH ssh-privatekey and known_hosts; for oci also .dockerconfigjson; for s3 AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if they are temporary, AWS_SESSION_TOKEN; for dvc also what its remote asks for; wherever TLS is spoken also ca.crt (authorities beside the usual ones), and tls.crt with tls.key (mutual TLS). It is mounted into the pods that fetch. */
  readonly secretRef?: ModelVersionAccessSecretRef;
  /** A Secret in this namespace for the Jobs of writeTags, with the keys that secretRef has: credentials that may write, while those that are mounted into serving pods need no more than to read. Default: secretRef. */
  readonly tagSecretRef?: ModelVersionAccessTagSecretRef;
}

/** A PersistentVolumeClaim in this namespace that the Job can write and that can be mounted on every node where pods of the version run. The copy is in its folder sha256/<hex of the digest>. */
export interface ModelVersionStorageClaim {
  /** Name of the claim. Example: models. */
  readonly name: string;
}

/** Where a copy of ours is kept, so that new pods start while the source is away. Not part of what the version is, and may change at any time: a copy is made by a Job, and pods that are made for a new revision take the bytes from there first. Default: none, each pod fetches from the source. */
export interface ModelVersionStorage {
  /** A PersistentVolumeClaim in this namespace that the Job can write and that can be mounted on every node where pods of the version run. The copy is in its folder sha256/<hex of the digest>. */
  readonly claim: ModelVersionStorageClaim;
  /** How many bytes copies may take in the claim, all together; give all versions with this claim the same, and less than it has. A Job that would exceed it first removes copies that no ModelVersion and no pods of this namespace need, the least recently used first, but none that was made or used within the last hour. So no other namespace or cluster may keep copies in a claim with a limit. Default: none, nothing is removed. Example: 50Gi. */
  readonly limit?: string;
}

/** The code that trained the model. */
export interface ModelVersionProvenanceCode {
  /** Address of the repository. Default: none. Example: https://github.com/example/fraud. */
  readonly repository?: string;
  /** Commit in that repository. Default: none. Example: 4f0c2a7d9be1. */
  readonly commit?: string;
}

export interface ModelVersionProvenanceDataEntry {
  /** Name of the data set. Example: transactions-2026-10. */
  readonly name: string;
  /** Where the data set is. Default: none. Example: s3://data/transactions/2026-10.parquet. */
  readonly uri?: string;
  /** Digest of the data set, in whatever form its store uses. Default: none. Example: md5:0cc175b9c0f1b6a831c399e269772661. */
  readonly digest?: string;
}

/** The run that trained the model. */
export interface ModelVersionProvenanceTraining {
  /** Name or address of the pipeline. Default: none. Example: fraud-weekly. */
  readonly pipeline?: string;
  /** Identifier of the run. Default: none. Example: 8c1f6e0b7a. */
  readonly run?: string;
  /** Container image that the run used. Default: none. Example: registry.example.com/train@sha256:2c26b46b. */
  readonly image?: string;
  /** Parameters of the run, all as strings. Default: none. Example: {max_depth: "6", seed: "42"}. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** How the model came about. Recorded for people and audits, not checked. Can be added once, then never changes. */
export interface ModelVersionProvenance {
  /** The code that trained the model. */
  readonly code?: ModelVersionProvenanceCode;
  /** The data sets that the model was trained on, by name. */
  readonly data?: readonly ModelVersionProvenanceDataEntry[];
  /** The run that trained the model. */
  readonly training?: ModelVersionProvenanceTraining;
  /** Names of the ModelVersions that this one was made from, by fine-tuning or distillation. Default: none. Example: [fraud-1.3.2]. */
  readonly parents?: readonly string[];
}

/** What was measured before the release. Often comes after registration, so it may change at any time. Recorded, not checked. */
export interface ModelVersionEvaluation {
  /** Results by name, as decimal numbers in strings. Default: none. Example: {auc: "0.947"}. */
  readonly metrics?: Readonly<Record<string, string>>;
  /** Address of the evaluation report. Default: none. Example: https://reports.example.com/fraud/1.4.0.html. */
  readonly report?: string;
}

/** What this version is. model, version, format and source are fixed at creation. */
export interface ModelVersionSpec {
  /** Name of the model, the same in all of its versions: lower-case letters, digits and dashes, starting with a letter. Example: fraud. */
  readonly model: string;
  /** Name of the version, as part of the object's name: lower-case letters, digits, dots and dashes. Put it in quotes, or YAML reads 1.10 as the number 1.1. Example: "1.4.0". */
  readonly version: string;
  /** The version as its makers call it, if that cannot be part of an object's name. For people only. Default: none, spec.version is shown. Example: v1.4.0+cu12. */
  readonly displayVersion?: string;
  /** What kind of model the bytes are. The runtime preset picks its loader by it. */
  readonly format: ModelVersionFormat;
  /** Where the bytes are fetched from, by exactly one member. One file as it is, a folder, or an archive. */
  readonly source: ModelVersionSource;
  /** What the pods that fetch the bytes run with, in this namespace. The operator itself reads no Secret. May change at any time; another secretRef changes the pods that serve the version, so it starts a release. */
  readonly access?: ModelVersionAccess;
  /** Where a copy of ours is kept, so that new pods start while the source is away. Not part of what the version is, and may change at any time: a copy is made by a Job, and pods that are made for a new revision take the bytes from there first. Default: none, each pod fetches from the source. */
  readonly storage?: ModelVersionStorage;
  /** Whether the registry of source.mlflow is told which ModelDeployments serve the version, and with which share of the requests: Jobs in this namespace write tags on the version there. Aliases are never moved. May change at any time; tags that were written are removed when it is no longer true. Default: false. */
  readonly writeTags?: boolean;
  /** Digest that the fetched files must have: the sha256 of what `sha256sum` prints for all files, sorted by path in byte order. When given, nothing else is ever served. Default: none, the digest found first is recorded in status and holds from then on. Example: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08. */
  readonly digest?: string;
  /** What becomes of packages that the version needs (status.metadata.dependencies) and that the image of the server does not have, or has in another version. Warn: condition DependenciesMatch of the ModelDeployment says so. Strict: beyond that no release of the version begins, also when it cannot be found out what the image has. Ignore: nobody looks. May change at any time. Default: Warn. Example: Strict. */
  readonly dependencies?: 'Warn' | 'Strict' | 'Ignore';
  /** How the model came about. Recorded for people and audits, not checked. Can be added once, then never changes. */
  readonly provenance?: ModelVersionProvenance;
  /** What was measured before the release. Often comes after registration, so it may change at any time. Recorded, not checked. */
  readonly evaluation?: ModelVersionEvaluation;
}

/** What the source held when it was resolved. The digest is written once. */
export interface ModelVersionStatusResolved {
  /** Address that was read. Example: https://models.example.com/fraud/1.4.0.tar.gz. */
  readonly uri?: string;
  /** sha256 of what `sha256sum` prints for all files, sorted by path in byte order; it covers names and contents. The fetch container of every serving pod checks it. Example: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08. */
  readonly digest: string;
  /** Root digest of the OpenSSF Model Signing specification over the same files; it covers contents and order, not names. Example: sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae. */
  readonly omsDigest?: string;
  /** Number of files. Example: 2. */
  readonly files?: number;
  /** Size of all files together, in bytes. Example: 1048576. */
  readonly bytes?: number;
  /** What the pointer in spec.source was resolved to, where it is one that can move. Pods fetch by these, and never ask the pointer again. Example: {commit: 4f0c2a7d9be1e3a5c7d9f0b2a4c6e8f0a1b3c5d7}. */
  readonly pins?: Readonly<Record<string, string>>;
  /** When the source was resolved. Example: "2026-11-24T10:00:00Z". */
  readonly resolvedAt?: string;
}

/** The code that trained the model. */
export interface ModelVersionStatusMetadataCode {
  /** Address of the repository. Example: https://github.com/example/fraud. */
  readonly repository?: string;
  /** Commit in that repository. Example: 4f0c2a7d9be1. */
  readonly commit?: string;
}

export interface ModelVersionStatusMetadataDataEntry {
  /** Name of the data set. Example: transactions-2026-10. */
  readonly name: string;
  /** Where the data set is. Example: s3://data/transactions/2026-10.parquet. */
  readonly uri?: string;
  /** Digest of the data set, in the form that its store uses. Example: md5:0cc175b9c0f1b6a831c399e269772661. */
  readonly digest?: string;
}

/** The run that trained the model. */
export interface ModelVersionStatusMetadataTraining {
  /** Name or address of the pipeline or experiment. Example: fraud-weekly. */
  readonly pipeline?: string;
  /** Identifier of the run. Example: 8c1f6e0b7a. */
  readonly run?: string;
  /** Who ran it. Example: ada. */
  readonly user?: string;
  /** Parameters of the run. Example: {max_depth: "6"}. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** What the model's own files say about it. */
export interface ModelVersionStatusMetadataModel {
  /** Libraries that the model was written with, and their versions. Example: {sklearn: "1.7.2"}. */
  readonly flavors?: Readonly<Record<string, string>>;
  /** Inputs and outputs of the model, as its source writes them. Example: '{"inputs": "[...]", "outputs": "[...]"}'. */
  readonly signature?: string;
}

export interface ModelVersionStatusMetadataDependenciesPackage {
  /** Name of the package in its normalised form. Example: scikit-learn. */
  readonly name: string;
  /** The versions that will do, as pip writes them; all if absent. Example: ==1.7.2. */
  readonly specifier?: string;
  /** Where it is needed at all, as pip writes it; everywhere if absent. Example: 'python_version < "3.12"'. */
  readonly marker?: string;
  /** That there is no package of this name is no mismatch. Example: true. */
  readonly optional?: boolean;
  /** The file that says so. Example: requirements.txt. */
  readonly from: string;
}

/** What the version needs to be served, by its files requirements.txt, conda.yaml, python_env.yaml and MLmodel. */
export interface ModelVersionStatusMetadataDependencies {
  /** Version of Python. Example: 3.11.9. */
  readonly python?: string;
  /** Packages, those first whose version matters most. */
  readonly packages?: readonly ModelVersionStatusMetadataDependenciesPackage[];
  /** Requirements beside these, which are not compared. Example: 2. */
  readonly omitted?: number;
  /** What some of them are. Example: [an editable package (-e)]. */
  readonly notCompared?: readonly string[];
}

/** What the source knows about the version beside its bytes, as it was when the version was resolved. Recorded for people and audits, not checked. */
export interface ModelVersionStatusMetadata {
  /** The code that trained the model. */
  readonly code?: ModelVersionStatusMetadataCode;
  /** The data sets that the model was trained on. */
  readonly data?: readonly ModelVersionStatusMetadataDataEntry[];
  /** The run that trained the model. */
  readonly training?: ModelVersionStatusMetadataTraining;
  /** What the run measured. Example: {auc: "0.947"}. */
  readonly metrics?: Readonly<Record<string, string>>;
  /** Tags of the version in its source. Example: {validated-by: ada}. */
  readonly tags?: Readonly<Record<string, string>>;
  /** What the model's own files say about it. */
  readonly model?: ModelVersionStatusMetadataModel;
  /** What the version needs to be served, by its files requirements.txt, conda.yaml, python_env.yaml and MLmodel. */
  readonly dependencies?: ModelVersionStatusMetadataDependencies;
  /** There was more in the source than is recorded here. Example: true. */
  readonly truncated?: boolean;
}

/** The copy that a Job made, or found whole, in spec.storage. Not looked at again. */
export interface ModelVersionStatusStored {
  /** Name of the PersistentVolumeClaim that holds it. Example: models. */
  readonly claim: string;
  /** When it was found to be whole. Example: "2026-11-24T10:00:00Z". */
  readonly storedAt?: string;
}

/** What the operator found. Written by the operator only. */
export interface ModelVersionStatus {
  /** The metadata.generation that this status is about. Example: 1. */
  readonly observedGeneration?: number;
  /** Version of the meaning of this status. An operator that meets a higher number than it knows leaves the object alone. Example: 1. */
  readonly schema?: number;
  /** What the source held when it was resolved. The digest is written once. */
  readonly resolved?: ModelVersionStatusResolved;
  /** What the source knows about the version beside its bytes, as it was when the version was resolved. Recorded for people and audits, not checked. */
  readonly metadata?: ModelVersionStatusMetadata;
  /** The copy that a Job made, or found whole, in spec.storage. Not looked at again. */
  readonly stored?: ModelVersionStatusStored;
  /** The tags that were last written to MLflow, where spec.writeTags asks for them; right as long as condition Tagged is True. Example: {plimsoll.dev/risk/fraud: Serving 100% (fraud-1.4.0)}. */
  readonly tags?: Readonly<Record<string, string>>;
  /** State for people and tools. Ready says whether the version can be served; Resolved whether the source was read; Durable whether a copy of ours outlives the source; Tagged whether the source says where it is served. Reconciling and Stalled are there only while they are true. */
  readonly conditions?: readonly Condition[];
}
