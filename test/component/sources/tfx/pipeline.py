# Writes runs of a pipeline into a SQLite file by ML Metadata itself, with the types, properties and events of TFX 1.21.
# Each line of standard input: {"database": path, "runs": [{pipeline, run, version, destination, fingerprint, trainArgs, ...}]}; answered by
# the line "written".
#   evaluator, infraValidator: 1, 0, "silent" (an artifact that says nothing) or absent (no such component)
#   pusherIsGiven: whether the Pusher takes the blessings as inputs (default), "infra" for the InfraValidator's alone and no model
#   transformed: whether a Transform stands between ExampleGen and Trainer
import json
import sys

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

INT, STRING = pb.INT, pb.STRING


class Store:
    """A store in a file, with the types of TFX."""

    def __init__(self, path):
        config = pb.ConnectionConfig()
        config.sqlite.filename_uri = path
        config.sqlite.connection_mode = 3  # READWRITE_OPENCREATE
        self.store = store = metadata_store.MetadataStore(config)
        artifacts = {
            "Examples": {"span": INT, "version": INT, "split_names": STRING},
            "Model": {},
            "ModelBlessing": {},
            "InfraBlessing": {},
            "PushedModel": {},
        }
        self.artifacts = {
            name: store.put_artifact_type(pb.ArtifactType(name=name, properties=properties)) for name, properties in artifacts.items()
        }
        components = ["CsvExampleGen", "Transform", "Trainer", "Evaluator", "InfraValidator", "Pusher"]
        self.executions = {name: store.put_execution_type(pb.ExecutionType(name=f"tfx.components.{name}")) for name in components}
        self.contexts = {name: store.put_context_type(pb.ContextType(name=name)) for name in ["pipeline", "pipeline_run", "node"]}

    def artifact(self, kind, uri, properties={}, custom={}):
        made = pb.Artifact(type_id=self.artifacts[kind], uri=uri, state=pb.Artifact.LIVE)
        fill(made.properties, properties)
        fill(made.custom_properties, custom)
        return made

    def blessing(self, kind, uri, verdict, custom):
        said = {} if verdict == "silent" else {"blessed": verdict}
        return self.artifact(kind, uri, custom={**said, **custom})

    def context(self, kind, name):
        found = self.store.get_context_by_type_and_name(kind, name)
        return found or pb.Context(type_id=self.contexts[kind], name=name)

    def execute(self, run, node, inputs, outputs, properties={}):
        """Publishes an execution; returns its outputs as they are stored."""
        execution = pb.Execution(type_id=self.executions[node], last_known_state=pb.Execution.COMPLETE)
        fill(execution.custom_properties, properties)
        belongs = [("pipeline", run["pipeline"]), ("pipeline_run", run["run"]), ("node", f"{run['pipeline']}.{node}")]
        contexts = [self.context(kind, name) for kind, name in belongs]
        pairs = [(each, event(pb.Event.INPUT, key)) for key, each in inputs]
        pairs += [(each, event(pb.Event.OUTPUT, key)) for key, each in outputs]
        _, ids, _ = self.store.put_execution(execution, pairs, contexts, reuse_context_if_already_exist=True)
        return self.store.get_artifacts_by_id(ids[len(inputs) :])


def fill(properties, values):
    for name, value in values.items():
        if isinstance(value, int):
            properties[name].int_value = value
        else:
            properties[name].string_value = value


def event(kind, key):
    return pb.Event(type=kind, path=pb.Event.Path(steps=[pb.Event.Path.Step(key=key), pb.Event.Path.Step(index=0)]))


def publish(store, number, run):
    root = f"/pipelines/{run['pipeline']}"
    made = store.artifact(
        "Examples",
        f"{root}/CsvExampleGen/examples/{number}",
        {"span": number, "split_names": '["train", "eval"]'},
        {"input_fingerprint": run["fingerprint"]},
    )
    (examples,) = store.execute(run, "CsvExampleGen", [], [("examples", made)], {"input_base": "/data/transactions"})
    training = examples
    if run.get("transformed"):
        made = store.artifact("Examples", f"{root}/Transform/transformed_examples/{number}")
        (training,) = store.execute(run, "Transform", [("examples", examples)], [("transformed_examples", made)])
    made = store.artifact("Model", f"{root}/Trainer/model/{number}")
    (model,) = store.execute(run, "Trainer", [("examples", training)], [("model", made)], {"train_args": run["trainArgs"], "seed": 42})
    given = []
    if "evaluator" in run:
        made = store.blessing("ModelBlessing", f"{root}/Evaluator/blessing/{number}", run["evaluator"], {"current_model_id": model.id})
        given += [("model_blessing", each) for each in store.execute(run, "Evaluator", [("model", model)], [("blessing", made)])]
    if "infraValidator" in run:
        made = store.blessing("InfraBlessing", f"{root}/InfraValidator/blessing/{number}", run["infraValidator"], {"has_model": 1})
        given += [("infra_blessing", each) for each in store.execute(run, "InfraValidator", [("model", model)], [("blessing", made)])]
    how = run.get("pusherIsGiven", True)
    inputs = [("model", model), *given] if how is True else [("model", model)] if how is False else given[-1:]
    pushed = {"pushed": 1, "pushed_destination": run["destination"], "pushed_version": run["version"]}
    made = store.artifact("PushedModel", f"{root}/Pusher/pushed_model/{number}", custom=pushed)
    store.execute(run, "Pusher", inputs, [("pushed_model", made)], {"push_destination": "{}"})


for line in sys.stdin:
    asked = json.loads(line)
    store = Store(asked["database"])
    for number, run in enumerate(asked["runs"]):
        publish(store, number, run)
    del store
    print("written", flush=True)
