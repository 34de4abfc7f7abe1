"""Stops a statement when its time is over or when nobody wants it any more."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

AGAIN = 0.05  # seconds between interruptions: one that comes between two steps of DuckDB is lost


class Guard:
    """While this lasts, `con` is interrupted once `seconds` are over or `cancel` was called; never after.

    `reason` is then `time` or `cancelled`; as long as neither happened it is empty.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, seconds: float) -> None:
        self.con = con
        self.seconds = seconds
        self.reason = ""
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ended = False

    def cancel(self) -> None:
        """Stop the statement. For other threads."""
        self.reason = self.reason or "cancelled"
        self._wake.set()

    def __enter__(self) -> Guard:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:  # an interruption that comes late would hit whatever runs next
            self._ended = True
        self._wake.set()

    def _watch(self) -> None:
        if not self._wake.wait(self.seconds):
            self.reason = self.reason or "time"
        while True:
            with self._lock:
                if self._ended:
                    return
                self.con.interrupt()
            time.sleep(AGAIN)
