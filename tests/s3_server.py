"""moto's S3 as a process of its own, behind a layer that notes each request and disturbs some.

As a script, it serves until its standard input ends. `S3Server` starts and asks it.
"""

import io
import json
import logging
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

BUCKET = "bucket"


@dataclass
class Fault:
    """What happens to the next `times` requests of a method whose path and query have `pattern`.

    kind: `slow` answers 503 SlowDown, `dropped` closes the connection without an answer, `late` answers after
    `seconds`, `lost` does what was asked and then closes the connection.
    """

    kind: str
    method: str = "(GET|PUT|HEAD|POST|DELETE)"
    pattern: str = ""
    times: int = 1
    seconds: float = 0.0


class S3Server:
    """The server's process, seen from the tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self._ask("PUT", f"/{BUCKET}", b"")

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which Lance and obstore use the server."""
        return {
            "AWS_ENDPOINT": self.url,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def disturb(self, *faults: Fault) -> None:
        """Put these faults in the place of the earlier ones."""
        self._ask("POST", "/_faults", json.dumps([asdict(fault) for fault in faults]).encode())

    def left(self) -> int:
        """How many of the asked disturbances have not happened."""
        return int(self._ask("GET", "/_faults"))

    def requests(self) -> list[str]:
        """`METHOD path?query status` of the requests since this was last called."""
        return self._ask("GET", "/_requests").decode().splitlines()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _ask(self, method: str, path: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.url + path, data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: bytes = answer.read()
        return found


class Disturbing:
    """The WSGI layer."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app, self._lock = app, threading.Lock()
        self._requests: list[str] = []
        self._faults: list[Fault] = []

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
        if path.startswith("/_"):
            start("200 OK", [])
            return [self._control(method, path, environ)]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)  # what is left unread would be taken for the next request
        fault = self._fault_of(method, path)
        status: list[str] = []

        def note(line: str, headers: Sequence[tuple[str, str]], *rest: Any) -> Any:
            status.append(line)
            return start(line, headers, *rest)

        if fault and fault.kind in ("slow", "dropped"):
            answer = self._refuse(fault.kind, environ, note)
        else:
            time.sleep(fault.seconds if fault else 0)
            answer = list(self._app(environ, note))
            if fault and fault.kind == "lost":
                raise ConnectionAbortedError
        with self._lock:
            self._requests.append(f"{method} {path} {status[0] if status else ''}")
        return answer

    def _refuse(self, kind: str, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if kind == "dropped":
            raise ConnectionAbortedError
        said = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        start("503 Slow Down", [("Content-Length", str(len(said)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [said]

    def _fault_of(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.times and re.fullmatch(fault.method, method) and re.search(fault.pattern, path):
                    fault.times -= 1
                    return fault
        return None

    def _control(self, method: str, path: str, environ: dict[str, Any]) -> bytes:
        with self._lock:
            if path.startswith("/_requests"):
                lines, self._requests = self._requests, []
                return "\n".join(lines).encode()
            if method == "POST":
                data = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
                self._faults = [Fault(**one) for one in json.loads(data)]
            return str(sum(fault.times for fault in self._faults)).encode()


def serve() -> None:
    """Print the port, then serve until standard input ends."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def connection_dropped(self, *_: Any) -> None:
            self.close_connection = True

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = Disturbing(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    serve()
