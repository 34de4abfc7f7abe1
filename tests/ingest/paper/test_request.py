"""Captions of a language model, against a server that answers as OpenAI's API does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from attribase.ingest.paper.prompts import read_prompts, read_rows
from attribase.ingest.paper.request import request_prompts
from attribase.store import InvalidInputError


class Api(BaseHTTPRequestHandler):
    """Answers with numbered captions, one of ten without its place for the concept."""

    asked: list[dict]
    reply = None

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append({"path": self.path, "key": self.headers["Authorization"], **body})
        status, answer = self.reply or (200, self.captions(len(self.asked)))
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    @staticmethod
    def captions(call):
        lines = [f'{i}. "{{concept}} in place {i} of {call}"' for i in range(1, 28)]
        lines[3] = "4. nothing to see"
        return {"choices": [{"message": {"role": "assistant", "content": "\n".join(lines)}}]}

    def log_message(self, *_):
        pass


@pytest.fixture
def api():
    handler = type("Fresh", (Api,), {"asked": [], "reply": None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    handler.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield handler
    server.shutdown()
    server.server_close()


def test_captions_are_written_for_review_and_used_once_they_are_read(api, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    file = tmp_path / "prompts.csv"
    steps = list(request_prompts(api.url, "small", ["dog", "boat", "dog"], file))
    assert [(step.done, step.total, step.note) for step in steps] == [
        (1, 3, "dog"),
        (2, 3, "boat"),
        (3, 3, "style"),
    ]
    assert {(one["path"], one["model"], one["key"]) for one in api.asked} == {
        ("/v1/chat/completions", "small", "Bearer secret")
    }
    assert "dog" in api.asked[0]["messages"][0]["content"]
    rows = read_rows(file)
    for category, train, test in (("dog", 15, 10), ("boat", 15, 10), ("style", 40, 10)):
        own = [row for row in rows if (row.category, row.scheme) == (category, "gpt")]
        assert [row.split for row in own] == ["train"] * train + ["test"] * test
        assert {row.reviewed for row in own} == {"no"}
        assert all(row.prompt.startswith("{concept} in place") for row in own)
    with pytest.raises(InvalidInputError, match="has not been reviewed, one of 100"):
        read_prompts(file)
    file.write_text(file.read_text().replace(",no\n", ",yes\n"))
    assert len(read_prompts(file).of("object", "dog", "train")["gpt"]) == 15


def test_a_second_call_asks_only_for_what_is_missing_and_keeps_edits(api, tmp_path):
    file = tmp_path / "prompts.csv"
    next(request_prompts(api.url, "small", ["dog", "boat"], file))  # stopped after the first category
    file.write_text(file.read_text().replace("{concept} in place 1 of 1,no", "{concept} by the sea,yes"))
    before = len(api.asked)
    list(request_prompts(api.url, "small", ["dog", "boat"], file))
    assert all("dog" not in one["messages"][0]["content"] for one in api.asked[before:])
    dogs = [row for row in read_rows(file) if row.category == "dog"]
    assert len(dogs) == 25
    assert (dogs[0].prompt, dogs[0].reviewed, dogs[1].reviewed) == ("{concept} by the sea", "yes", "no")
    assert list(request_prompts(api.url, "small", ["dog", "boat"], file)) == []


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ((401, {"error": "no key"}), "answered 401: .*no key"),
        ((200, {"text": "hello"}), "answered no chat completion"),
        (
            (200, {"choices": [{"message": {"content": "{concept} alone\\nnothing"}}]}),
            "small gave 1 usable captions of 'dog' in 4 answers, not 25",
        ),
    ],
)
def test_an_endpoint_that_does_not_answer_with_captions_is_an_error(api, tmp_path, reply, says):
    api.reply = reply
    with pytest.raises(InvalidInputError, match=says):
        list(request_prompts(api.url, "small", ["dog"], tmp_path / "prompts.csv"))
    assert not (tmp_path / "prompts.csv").exists()


def test_an_endpoint_that_is_not_there_is_an_error(tmp_path):
    for url, says in (("http://127.0.0.1:9/v1", "cannot be reached"), ("file:///etc", "is no address")):
        with pytest.raises(InvalidInputError, match=says):
            list(request_prompts(url, "small", [], tmp_path / "prompts.csv"))
