import json
import subprocess
import sys

import numpy as np
import pytest
from attribase.runtime.tokens import CaptionTokenizer, load_tokenizer
from attribase.store.errors import DataError
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = {"<start>": 0, "<end>": 1, "<unk>": 2, "red": 3, "fox": 4}


def tokenizer(length=77, cut=77):
    made = Tokenizer(models.WordLevel(WORDS, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.BertProcessing(("<end>", 1), ("<start>", 0))
    if cut:
        made.enable_truncation(cut)
    if length:
        made.enable_padding(length=length, pad_id=1, pad_token="<end>")
    return made.to_str().encode()


def test_captions_become_rows_of_77_that_keep_their_end():
    found = CaptionTokenizer(tokenizer(cut=5)).encode(["red fox", "", "fox " * 100])
    assert found.dtype == np.int64
    assert found[:, 5:].tolist() == [[1] * 72] * 3
    assert found[:, :5].tolist() == [[0, 3, 4, 1, 1], [0, 1, 1, 1, 1], [0, 4, 4, 4, 1]]
    assert CaptionTokenizer(tokenizer()).encode([]).shape == (0, 77)


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", json.dumps({"model": 3}).encode()])
def test_what_is_no_tokenizer_is_an_error(data):
    with pytest.raises(DataError, match="does not load"):
        CaptionTokenizer(data)


@pytest.mark.parametrize("how", [{"length": None}, {"cut": None}, {"length": 20}])
def test_a_tokenizer_that_gives_other_lengths_is_an_error(how):
    with pytest.raises(DataError, match="77 tokens"):
        CaptionTokenizer(tokenizer(**how))


def test_the_same_tokenizer_is_read_once():
    assert load_tokenizer(tokenizer()) is load_tokenizer(tokenizer())


def test_tokens_need_neither_torch_nor_transformers(tmp_path):
    (tmp_path / "tokenizer.json").write_bytes(tokenizer())
    code = (
        "import sys, pathlib; from attribase.runtime.tokens import CaptionTokenizer;"
        f"CaptionTokenizer(pathlib.Path({str(tmp_path / 'tokenizer.json')!r}).read_bytes()).encode(['fox']);"
        "print({'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
