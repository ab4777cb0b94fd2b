"""Trains the rankers that tests/ranker.rs is about, and asks onnxruntime what they say.

Usage: make.py OUT. OUT gets, for each model, NAME.onnx, NAME.json (its description) and in references.json the scores of 64 items
as onnxruntime computes them. The models are trained on made-up people: somebody takes what is of their kind, unless its colour is
one that they cannot stand. No weighted sum says that; trees do.
"""
import json
import sys
from pathlib import Path

import lightgbm
import numpy as np
import onnxmltools
import onnxruntime
import xgboost
from onnx import helper
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from sklearn.neural_network import MLPRegressor

FEATURES = ["kind", "colour", "dislike"]
out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)

random = np.random.default_rng(11)
lists, length = 60, 20
x = random.uniform(-1, 1, (lists * length, len(FEATURES))).astype(np.float32)
x[:, 2] = -np.abs(x[:, 2])
truth = np.where(x[:, 1] < -0.3, -1.0, x[:, 0]) + 0.2 * x[:, 2]
chosen = (truth + random.normal(0, 0.2, len(truth)) > 0.3).astype(int)
groups = [length] * lists
shape = [("input", FloatTensorType([None, len(FEATURES)]))]
trees = {"n_estimators": 30, "max_depth": 4, "random_state": 1}
quiet = {"verbose": -1, "n_jobs": 1}

xgb = {"n_jobs": 1, "tree_method": "exact"}
models = {
    "xgboost-regressor": xgboost.XGBRegressor(**trees, **xgb, base_score=0.25).fit(x, truth),
    "xgboost-logistic": xgboost.XGBRegressor(**trees, **xgb, objective="binary:logistic").fit(x, chosen),
    "lightgbm-regressor": lightgbm.LGBMRegressor(**trees, **quiet).fit(x, truth),
    "lightgbm-ranker": lightgbm.LGBMRanker(**trees, **quiet).fit(x, chosen, group=groups),
    "lightgbm-classifier": lightgbm.LGBMClassifier(**trees, **quiet).fit(x, chosen),
}
files = {}
for name, model in models.items():
    if name.startswith("xgboost"):
        files[name] = onnxmltools.convert_xgboost(model, initial_types=shape, target_opset=15)
    else:
        options = {"zipmap": False} if "classifier" in name else {}
        files[name] = onnxmltools.convert_lightgbm(model, initial_types=shape, target_opset=15, **options)
network = MLPRegressor(hidden_layer_sizes=(8,), random_state=1, max_iter=300).fit(x, truth)
files["network"] = to_onnx(network, x[:1], target_opset=15)


# What no exporter of these writes, and the operator has: trees by their mean, and by their greatest, with missing values.
def by(aggregate):
    model = type(files["lightgbm-regressor"])()
    model.CopyFrom(files["lightgbm-regressor"])
    for node in model.graph.node:
        if node.op_type == "TreeEnsembleRegressor":
            keep = [a for a in node.attribute if a.name not in ("aggregate_function", "base_values")]
            del node.attribute[:]
            node.attribute.extend(keep)
            node.attribute.append(helper.make_attribute("aggregate_function", aggregate))
            node.attribute.append(helper.make_attribute("base_values", [0.125]))
    return model


files |= {f"trees-{name.lower()}": by(name) for name in ("AVERAGE", "MAX", "MIN")}

items = random.uniform(-1, 1, (64, len(FEATURES))).astype(np.float32)
references = {"features": FEATURES, "items": items.tolist(), "scores": {}}
for name, model in files.items():
    (out / f"{name}.onnx").write_bytes(model.SerializeToString())
    about = {"format": "homebody-ranker", "version": 1, "name": name, "model": f"{name}.onnx", "features": FEATURES}
    (out / f"{name}.json").write_text(json.dumps(about))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    last = session.get_outputs()[-1].name
    scores = session.run([last], {session.get_inputs()[0].name: items})[0].reshape(len(items), -1)[:, -1]
    references["scores"][name] = [float(score) for score in scores]
    print(name, [node.op_type for node in model.graph.node], f"{scores.min():.3f} to {scores.max():.3f}")
(out / "references.json").write_text(json.dumps(references))
