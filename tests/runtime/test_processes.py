"""One child process: requests and replies, deadlines, how it ended."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from attribase.runtime.processes import ChildProcess

HELPER = """
import os, signal, threading
from attribase.runtime.processes import answer_requests

def answer(pipe, prefix):
    answer_requests(pipe, lambda request: (prefix + request, os.getpid(), signal.getsignal(signal.SIGINT)))

def hang(pipe):
    threading.Event().wait()

def fail(pipe, code):
    os._exit(code)
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """A module that spawned processes can import, too."""
    (tmp_path / "processes_helper.py").write_text(HELPER)
    monkeypatch.syspath_prepend(str(tmp_path))
    import processes_helper

    yield processes_helper
    sys.modules.pop("processes_helper", None)


@pytest.fixture
def _interruptible():
    """Ctrl-C interrupts this process, also where the shell that started it ignores it (a background job)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_a_child_answers_requests_ignores_interrupts_and_ends_when_its_pipe_is_closed(helper):
    child = ChildProcess(helper.answer, "re: ", name="answer")
    child.send("a")
    assert child.receive() == ("re: a", child.pid, signal.SIG_IGN)
    child.send("b")
    assert child.receive(seconds=600)[0] == "re: b"
    assert signal.getsignal(signal.SIGINT) != signal.SIG_IGN  # in this process
    child.pipe.close()
    child.join()
    assert not child.alive()


def test_a_child_that_does_not_answer_is_a_timeout_and_can_be_killed(helper):
    child = ChildProcess(helper.hang, name="hang")
    with pytest.raises(TimeoutError) as error:
        child.receive(seconds=0)
    assert child.failure(error.value) == "gave no answer in 0 seconds"
    assert child.alive()
    child.kill()
    child.kill()
    with pytest.raises((EOFError, OSError)) as error:
        child.receive()
    assert child.failure(error.value) == "died (killed by signal 9)"


def test_a_child_that_ended_is_described_by_its_exit_code(helper):
    child = ChildProcess(helper.fail, 7, name="fail")
    with pytest.raises((EOFError, OSError)) as error:
        child.receive()
    assert child.failure(error.value) == "died (exit code 7)"


PARENT = """
    import sys
    sys.path.insert(0, sys.argv[1])
    import processes_helper
    from attribase.runtime.processes import ChildProcess
    if __name__ == "__main__":
        children = [ChildProcess(processes_helper.hang, name="hang"),
                    ChildProcess(processes_helper.answer, "", name="answer")]
        children[1].send("")
        children[1].receive()
        print("ready", flush=True)
        sys.stdin.read()
"""


@pytest.mark.usefixtures("helper")
def test_children_end_with_a_parent_that_is_killed_busy_or_idle(tmp_path):
    """They hold its stdout open: when that ends, so have they."""
    (tmp_path / "parent.py").write_text(textwrap.dedent(PARENT))
    command = [sys.executable, str(tmp_path / "parent.py"), str(tmp_path)]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "ready\n"
    os.kill(parent.pid, signal.SIGKILL)
    assert parent.stdout.read() == ""
    parent.communicate()
