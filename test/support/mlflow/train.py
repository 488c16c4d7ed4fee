"""Fills an MLflow server as a team would, by MLflow's own client, and prints what it made as JSON.

Usage: train.py FOLDER. The server and who asks are in MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD. What the
client itself gets for a version is put into FOLDER/<name>: the files to compare with.
"""
import json
import os
import pathlib
import sys
import warnings

import joblib
import mlflow
import pandas
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

NAME = "Fraud Detection (EU)"
TOKEN = "hush-repository-token"

warnings.filterwarnings("ignore")
client = MlflowClient()
rows = pandas.DataFrame({"amount": [1.0, 2.0, 30.0, 40.0], "age": [20.0, 30.0, 40.0, 50.0]})
labels = [0, 0, 1, 1]


def train(strength, name=NAME):
    """A run with everything that a run can say; its model is registered as the next version."""
    with mlflow.start_run() as run:
        model = LogisticRegression(C=strength).fit(rows, labels)
        mlflow.log_params({"C": strength, "solver": "lbfgs"})
        mlflow.log_metric("auc", 0.9)
        mlflow.log_metric("auc", 0.947, step=1)
        data = mlflow.data.from_pandas(rows, source=f"https://ada:{TOKEN}@data.example.com/tx.parquet?sig={TOKEN}", name="transactions")
        mlflow.log_input(data, context="training")
        mlflow.set_tags({
            "mlflow.source.git.commit": "4f0c2a7d9be1e3a5c7d9f0b2a4c6e8f0a1b3c5d7",
            "mlflow.source.git.repoURL": f"https://oauth2:{TOKEN}@git.example.com/fraud.git",
        })
        # The format that MLServer's runtime for scikit-learn loads; MLflow's default is skops.
        info = mlflow.sklearn.log_model(
            model,
            name="model",
            serialization_format="cloudpickle",
            signature=infer_signature(rows, model.predict(rows)),
            registered_model_name=name,
            pip_requirements=["scikit-learn==1.9.1"],
        )
        return run, model, info


def export(run, model, folder):
    """What MLflow 2 did and many do: files of a model in the artifacts of the run."""
    files = folder / "to-export"
    (files / "data" / "deep er").mkdir(parents=True)
    joblib.dump(model, files / "model.joblib")
    (files / "report.html").write_text("<!doctype html><title>a report, and no login page</title>")
    (files / "data" / "deep er" / "ü 100%.txt").write_text("names need escaping")
    (files / "data" / "empty").write_text("")
    client.log_artifacts(run.info.run_id, str(files), "export")


def main(folder):
    mlflow.set_experiment("fraud")
    run, model, info = train(1.0)
    export(run, model, folder)
    client.set_registered_model_alias(NAME, "champion", "1")
    client.set_model_version_tag(NAME, "1", "team", "risk")
    second, _, _ = train(0.1)
    client.copy_model_version(f"models:/{NAME}/1", "copied")
    client.create_registered_model("odd")
    client.create_model_version("odd", f"{run.info.artifact_uri}/nothing", run_id=run.info.run_id)
    kept = [("first", f"models:/{NAME}/1"), ("second", f"models:/{NAME}/2"), ("export", f"runs:/{run.info.run_id}/export")]
    if "MLFLOW_S3_ENDPOINT_URL" in os.environ:
        # The client writes artifacts into the bucket itself, and the server has nothing to do with them.
        mlflow.set_experiment(experiment_id=mlflow.create_experiment("in a bucket", artifact_location="s3://models/ml flow"))
        train(2.0, "in a bucket")
        kept.append(("bucket", "models:/in a bucket/1"))
    for name, uri in kept:
        mlflow.artifacts.download_artifacts(uri, dst_path=str(folder / name))
    print(json.dumps({"model": NAME, "run": run.info.run_id, "second": second.info.run_id, "logged": info.model_id}))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
