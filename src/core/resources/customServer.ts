import type { ModelDeploymentRuntimeCustom } from '../../api/generated/modeldeployment.ts';
import { MODEL_FOLDER } from '../version/formats.ts';
import { DEFAULT_MODEL_PATH, type RuntimePreset } from './preset.ts';

/**
 * A server that is the user's own. Its whole container is in the template. The files of the version and nothing else are at `modelPath`, since
 * servers differ in the folders that they want around them: `/models/<name>/<version>`, one repository, or a single file.
 */
export function customServer({ port, modelPath = DEFAULT_MODEL_PATH }: ModelDeploymentRuntimeCustom): RuntimePreset {
  return {
    name: 'custom',
    httpPort: port,
    container: () => ({}),
    countsRequests: false,
  podAnnotations: {},
    modelMount: { mountPath: modelPath, subPath: MODEL_FOLDER },
    // Kubernetes takes a pod without one for ready as soon as it runs: it would get requests before its model is loaded.
    lacking: ({ readinessProbe }) =>
      readinessProbe === undefined || readinessProbe === null
        ? `spec.runtime.template needs a readinessProbe in container model, as preset custom brings none; for example {httpGet: {path: /health, port: ${port}}}`
        : undefined,
  };
}
