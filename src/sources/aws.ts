// Who asks an S3-compatible store, and how that is proved: Signature Version 4 with keys of the mounted Secret, or with those that AWS's
// Security Token Service (or a store's own) gives for the token of the pod's ServiceAccount.

import { readFile } from 'node:fs/promises';

import { AwsV4Signer } from 'aws4fetch';

import { finalFailure, passingFailure, success } from '../core/version/failure.ts';
import type { Outcome } from '../core/version/failure.ts';
import { awsHost, regionOf, type Signer } from '../core/version/s3.ts';
import { quote } from '../core/version/text.ts';
import type { Access } from './access.ts';
import { codeOf } from './error.ts';
import { describeUrl, readText, send, type Call } from './request.ts';
import type { SourceContext } from './source.ts';
import { childOf, readXml, textIn } from './xml.ts';

export interface AwsKeys {
  readonly keyId: string;
  readonly secret: string;
  readonly sessionToken: string | undefined;
}

export interface AwsIdentity {
  readonly signer: Signer;
  /** Keys that hold for the next minutes; undefined for nobody's. */
  readonly keys: () => Promise<Outcome<AwsKeys | undefined>>;
}

/** Keys that end within this time are renewed before they are used. */
const RENEW_MS = 5 * 60_000;
const MOST_STS_BYTES = 64 * 1024;
/** sha256 of nothing: what a GET holds. */
const NO_BODY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** The keys of the Secret if it holds some, else those of the ServiceAccount's role if the cluster gives it one, else none. */
export function awsIdentity({ aws }: Access, context: SourceContext): AwsIdentity {
  if (aws !== undefined) return { signer: 'secret', keys: () => Promise.resolve(success(aws)) };
  const { AWS_ROLE_ARN: role, AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile } = context.environment;
  if (role === undefined || tokenFile === undefined) return { signer: 'nobody', keys: () => Promise.resolve(success(undefined)) };
  let kept: Expiring | undefined;
  let asking: Promise<Outcome<Expiring>> | undefined;
  const renewed = async (): Promise<Outcome<Expiring>> => {
    const assumed = await assumeRole(role, tokenFile, context);
    if (assumed.ok) kept = assumed.value;
    asking = undefined;
    return assumed;
  };
  const keys = async (): Promise<Outcome<AwsKeys>> => {
    if (kept !== undefined && context.now() < kept.until - RENEW_MS) return success(kept);
    asking ??= renewed(); // for all that are fetched at the same time
    return asking;
  };
  return { signer: 'role', keys };
}

/** Makes the headers of Signature Version 4 for requests without a body to S3 in a region. */
export function awsSigner({ keys }: AwsIdentity, region: string, now: () => number): NonNullable<Call['sign']> {
  return async ({ url, method = 'GET', headers = {} }) => {
    const outcome = await keys();
    if (!outcome.ok || outcome.value === undefined) return outcome.ok ? success({}) : outcome;
    const { keyId, secret, sessionToken } = outcome.value;
    const signer = new AwsV4Signer({
      url: url.href,
      method,
      headers: { ...headers, 'x-amz-content-sha256': NO_BODY },
      accessKeyId: keyId,
      secretAccessKey: secret,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service: 's3',
      region,
      datetime: new Date(now()).toISOString().replace(/[-:]|\.\d{3}/g, ''),
    });
    const signed = await signer.sign();
    return success(Object.fromEntries(signed.headers));
  };
}

interface Expiring extends AwsKeys {
  /** Milliseconds of the wall clock. */
  readonly until: number;
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html: what nobody has to sign. */
async function assumeRole(role: string, tokenFile: string, context: SourceContext): Promise<Outcome<Expiring>> {
  const { environment } = context;
  const token = await readToken(tokenFile);
  if (!token.ok) return token;
  const url = stsUrl(environment);
  if (!url.ok) return url;
  const form = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: role,
    RoleSessionName: environment['AWS_ROLE_SESSION_NAME'] ?? 'plimsoll',
    WebIdentityToken: token.value,
  });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await send({ url: url.value, method: 'POST', headers, body: form.toString() }, context);
  if (!answer.ok) return answer;
  const status = answer.value.statusCode ?? 0;
  const text = await readText(url.value, answer.value, MOST_STS_BYTES);
  if (!text.ok) return text;
  const keys = status === 200 ? keysIn(text.value) : undefined;
  return keys === undefined ? stsRefusal(url.value, role, status, text.value) : success(keys);
}

function stsUrl(environment: SourceContext['environment']): Outcome<URL> {
  const region = regionOf(environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION']);
  const text = environment['AWS_ENDPOINT_URL_STS'] ?? `https://${region === undefined ? 'sts.amazonaws.com' : awsHost('sts', region)}/`;
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'https:' || url.protocol === 'http:')) return success(url);
  return finalFailure('AccessInvalid', `The container's variable AWS_ENDPOINT_URL_STS is no http(s) URL: ${quote(text)}.`);
}

async function readToken(path: string): Promise<Outcome<string>> {
  try {
    return success((await readFile(path, 'utf8')).trim());
  } catch (error) {
    const what = `The ServiceAccount's token at ${quote(path)} (AWS_WEB_IDENTITY_TOKEN_FILE) could not be read (${codeOf(error)}).`;
    return finalFailure('AccessInvalid', what);
  }
}

function keysIn(text: string): Expiring | undefined {
  const credentials = childOf(childOf(readXml(text), 'AssumeRoleWithWebIdentityResult'), 'Credentials');
  const [keyId, secret] = [textIn(credentials, 'AccessKeyId'), textIn(credentials, 'SecretAccessKey')];
  const until = Date.parse(textIn(credentials, 'Expiration') ?? '');
  if (keyId === undefined || secret === undefined || Number.isNaN(until)) return undefined;
  return { keyId, secret, sessionToken: textIn(credentials, 'SessionToken'), until };
}

function stsRefusal(url: URL, role: string, status: number, text: string): ReturnType<typeof finalFailure> {
  const code = textIn(childOf(readXml(text), 'Error'), 'Code') ?? '';
  const shown = /^[A-Za-z]{1,64}$/.test(code) ? `${status} (${code})` : String(status);
  const what = `${describeUrl(url)} answered ${shown} when asked for keys of the role ${quote(role)}.`;
  if (status >= 500 || status === 429 || code === 'Throttling' || code === 'IDPCommunicationError')
    return passingFailure('SourceFailed', what);
  return finalFailure('AccessDenied', `${what} The role's trust policy has to name the cluster's issuer and the pod's ServiceAccount.`);
}
