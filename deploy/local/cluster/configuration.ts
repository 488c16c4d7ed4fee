// Configuration files: `conf/` rendered into the state folder, where only what differs is written.
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HERE, NETWORK, PORTS, VERSIONS, type Settings } from './settings.ts';

/** Replaces every `@NAME@` of a template; throws for a name without a value. */
export function renderTemplate(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/@([A-Z][A-Z_]*)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for @${name}@ in a template of the local cluster`);
    return value;
  });
}

/** Values of the templates: ports as P_ENVOY_ADMIN for `envoyAdmin`, and the names below. */
export function templateValues(settings: Settings, scrapeInterval: string): Readonly<Record<string, string>> {
  const ports = Object.entries(PORTS).map(
    ([name, port]) => [`P_${name.replaceAll(/[A-Z]/g, (c) => `_${c}`).toUpperCase()}`, String(port)] as const,
  );
  return {
    ...Object.fromEntries(ports),
    STATE: settings.state,
    NODE: NETWORK.node,
    NODE_IP: settings.nodeAddress,
    BRIDGE: NETWORK.bridge,
    POD_CIDR: NETWORK.podCidr,
    DNS_SERVICE_IP: NETWORK.dnsService,
    ENVOY_VERSION: VERSIONS.envoy,
    SCRAPE_INTERVAL: scrapeInterval,
  };
}

/** Renders all templates into `<state>/conf` and the CNI configuration; gives the names of the files that changed. */
export function renderConfiguration(settings: Settings, scrapeInterval: string): readonly string[] {
  const values = templateValues(settings, scrapeInterval);
  mkdirSync(join(settings.state, 'conf'), { recursive: true });
  mkdirSync(join(settings.state, 'cni/net.d'), { recursive: true });
  const changed = readdirSync(join(HERE, 'conf')).filter((name) => {
    const text = renderTemplate(readFileSync(join(HERE, 'conf', name), 'utf8'), values);
    return writeIfChanged(join(settings.state, 'conf', name), text);
  });
  writeIfChanged(join(settings.state, 'cni/net.d/10-pods.conflist'), readFileSync(join(settings.state, 'conf/cni.conflist'), 'utf8'));
  return changed;
}

/** Writes a file in one step, unless it has this text already: kube-proxy exits whenever its file is touched. */
export function writeIfChanged(path: string, text: string): boolean {
  if (readIfPresent(path) === text) return false;
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
  return true;
}

/** Text of a file, or nothing when there is no such file. */
export function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
