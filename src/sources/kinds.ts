// Every kind of place that models come from, by its name in the union spec.source of a ModelVersion.

import { dvcSource } from './dvc.ts';
import type { Fields, Place } from './fields.ts';
import { gitSource } from './git.ts';
import { httpSource } from './http.ts';
import { mlflowSource } from './mlflow.ts';
import { ociSource } from './oci.ts';
import { pvcSource } from './pvc.ts';
import { s3Source } from './s3.ts';
import type { Source } from './source.ts';
import { tfxSource } from './tfx.ts';

/** Makes a source from its member of the union; throws a Problem when that is not usable. */
export const SOURCES: Readonly<Record<string, (member: Fields, place: Place) => Source>> = {
  dvc: dvcSource,
  git: gitSource,
  http: httpSource,
  mlflow: mlflowSource,
  oci: ociSource,
  pvc: pvcSource,
  s3: s3Source,
  tfx: tfxSource,
};
