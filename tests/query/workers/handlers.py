"""A handler of worker processes that does what a request names. Its module is imported by the workers."""

import os
import time
from functools import partial

import numpy as np
from attribase.query.workers import serve
from attribase.store.errors import DataError, InvalidInputError


def answer(pipe, start="ready"):
    serve(pipe, partial(Handler, start))


class Handler:
    def __init__(self, start):
        if start == "fails":
            raise DataError("the store is broken", hint="mend it")
        if start.startswith("/"):
            self.map({"path": start}, b"", self)
        if start == "dies":
            os._exit(3)
        self.stopped = False

    def describe(self):
        return {"pid": os.getpid()}

    def limit(self, memory):
        pass

    def cancel(self):
        self.stopped = True

    def answer(self, fields, body, out):
        out.begin(pid=os.getpid())
        getattr(self, fields["do"])(fields, body, out)
        return {"bytes": out.size}

    def echo(self, _, body, out):
        out.write(body)

    def sleep(self, fields, _, out):
        time.sleep(fields["for"])
        out.write(b"slept")

    def wait(self, _, __, ___):
        while not self.stopped:
            time.sleep(0.01)
        self.stopped = False

    def fill(self, fields, _, out):
        kept = bytearray(fields["bytes"])
        out.write(str(len(kept)).encode())

    def reserve(self, fields, _, out):
        reserved = np.empty(fields["bytes"], np.uint8)
        out.write(str(reserved.nbytes).encode())

    def keep(self, fields, _, __):
        self.kept = os.urandom(fields["bytes"])

    def write(self, _):
        """What `map` writes when nothing has asked."""

    def map(self, fields, _, out):
        self.mapped = np.memmap(fields["path"], np.uint8, "r")
        out.write(str(self.mapped.sum()).encode())

    def scatter(self, fields, _, out):
        """Fills memory with small objects and keeps the last one, below which free memory stays mapped."""
        size = 64 << 10
        self.last = [os.urandom(size) for _ in range(fields["bytes"] // size)][-1]
        out.write(b"scattered")

    def creep(self, _, __, ___):
        kept = []
        while True:
            kept.append(os.urandom(1 << 20))
            time.sleep(0.005)

    def refuse(self, _, __, ___):
        raise InvalidInputError("this is wrong", hint="do that")

    def fail(self, _, __, ___):
        raise RuntimeError("the password is hunter2")

    def die(self, _, __, ___):
        os._exit(1)
