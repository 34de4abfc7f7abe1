"""A text tower that adds the vectors of its words: what it says is computed again with numpy."""

import hashlib

import numpy as np
from attribase.runtime.model_files import TEXT_EXTRA, TEXT_MODEL, StoredFile, files_json
from attribase.runtime.text_encoder import TEXT_TOKENIZER_FILE
from attribase.store import Store
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

LENGTH = 8
WORDS = ("red", "blue", "car", "house")


def word_vectors(dim: int) -> np.ndarray:
    """(words + 1, dim): row 0 is of padding and of unknown words, zeros."""
    rows = np.random.default_rng(7).normal(size=(len(WORDS) + 1, dim)).astype(np.float32)
    rows[0] = 0
    return rows


def text_vector(text: str, dim: int) -> np.ndarray:
    """(dim,) what the tower makes of `text`."""
    table = word_vectors(dim)
    return sum(
        (table[WORDS.index(word) + 1] for word in text.lower().split() if word in WORDS), np.zeros(dim)
    )


def tokenizer() -> bytes:
    ids = {"<pad>": 0} | {word: at for at, word in enumerate(WORDS, start=1)}
    made = Tokenizer(models.WordLevel(ids, unk_token="<pad>"))
    made.normalizer, made.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    made.enable_truncation(LENGTH)
    made.enable_padding(length=LENGTH, pad_id=0, pad_token="<pad>")
    return made.to_str().encode()


def tower(dim: int, length: int = LENGTH) -> bytes:
    """tokens (n, length) int64 to features (n, dim): rows of a table, summed."""
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["words"]),
        helper.make_node("ReduceSum", ["words", "axis"], ["features"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "words",
        [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["n", length])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", dim])],
        [
            numpy_helper.from_array(word_vectors(dim), "table"),
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
        ],
    )
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def add_tower(store: Store, encoder: str, dim: int) -> None:
    """Give the encoder of a store the text tower."""
    stored = []
    for name, data, role in (
        ("text.onnx", tower(dim), TEXT_MODEL),
        (TEXT_TOKENIZER_FILE, tokenizer(), TEXT_EXTRA),
    ):
        path = ("encoders", encoder, name)
        store.write_file(path, data)
        stored.append(StoredFile("/".join(path), hashlib.sha256(data).hexdigest(), role, len(data)))
    rows = [row for row in store.read("encoders").to_pylist() if row["encoder"] == encoder]
    (row,) = rows or [{"encoder": encoder, "dim": dim}]
    store.upsert("encoders", [row | {"files": files_json(stored)}], update=True)
