"""Trains the seven digits models of the demo and the end-to-end tests, and writes the held-out rows that are sent to them.

Usage: train.py FOLDER. With the same packages the files come out byte for byte the same.
"""
import json
import pathlib
import sys

import joblib
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

SEED = 7
HELD_OUT = 540
PIXEL = 20  # v7 knows only the values up to LIMIT of this pixel
LIMIT = 12


def block_means(rows):
    """The 8x8 image reduced to 4x4: 16 features instead of 64."""
    return rows.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)


def scaled_regression(strength):
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300, random_state=SEED))


def train(x, y):
    """Yields (version, model, compression)."""
    yield "v1", scaled_regression(0.01).fit(x, y), 0
    yield "v2", SVC(gamma=0.001, C=10, random_state=SEED).fit(x, y), 0
    # The scaler is lost on export: answers are quick, well formed and often wrong.
    yield "v3", scaled_regression(10).fit(x, y)[-1], 0
    yield "v4", RandomForestClassifier(n_estimators=2000, n_jobs=1, random_state=SEED).fit(x, y), 3
    yield "v5", scaled_regression(0.01).fit(block_means(x), y), 0
    # A category that the training data never had is an error, and a quarter of the real rows have one.
    seen = x[:, PIXEL] <= LIMIT
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="error"), [PIXEL]), remainder=StandardScaler())
    yield "v7", make_pipeline(encoder, LogisticRegression(C=0.01, max_iter=300, random_state=SEED)).fit(x[seen], y[seen]), 0


def main(folder):
    x, y = load_digits(return_X_y=True)
    x, held_x, y, held_y = train_test_split(x, y, test_size=HELD_OUT, random_state=SEED, stratify=y)
    for version, model, compression in train(x, y):
        (folder / version).mkdir(parents=True)
        joblib.dump(model, folder / version / "model.joblib", compress=compression)
    whole = (folder / "v1" / "model.joblib").read_bytes()
    (folder / "v6").mkdir()
    (folder / "v6" / "model.joblib").write_bytes(whole[: len(whole) // 2])
    held = {"features": 64, "rows": held_x.tolist(), "labels": held_y.tolist()}
    (folder / "held-out.json").write_text(json.dumps(held, separators=(",", ":")))
    unknown = int(np.sum(held_x[:, PIXEL] > LIMIT))
    print(json.dumps({"heldOut": len(held_y), "unknownToV7": unknown}))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
