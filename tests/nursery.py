"""Processes of hptui that begin where torch is imported: four of the five seconds that a short study takes are imports.

A process that has imported what every training imports waits beside the tests, and forks one that runs `hptui` as
`python -m hptui` would: with its own session, streams, environment and folder. The tests are its parent, and wait for
it as for any other. Where the environment says how to import, or something has to be done before the program begins, a
new Python is started; trainers that hptui starts by itself begin so anyway.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import fcntl
import importlib
import inspect
import json
import os
import runpy
import socket
import subprocess
import sys
import termios
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
is_open = False
"""whether it is used: by tests, not by what measures a start"""
BEFORE_IMPORTS = ("PYTHON", "OMP_", "MKL_", "OPENBLAS_", "TORCH", "LD_", "LC_", "LANG")
"""beginnings of variables that are looked at while a Python starts, or torch is imported"""
IMPORTED = ("torch._dynamo", "torchvision", "sklearn.gaussian_process", "scipy.stats")
"""by every training or its search; not hptui itself, nor Textual: they look at their environment when imported"""
OF_A_NEW_PYTHON = inspect.signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]
PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
PR_SET_CHILD_SUBREAPER = 36  # of <sys/prctl.h>


class Hptui(subprocess.Popen[Any]):
    """`python -m hptui` with these arguments; `terminal`: its first stream becomes the terminal of its session."""

    def __init__(self, *arguments: object, terminal: bool = False, **options: Any) -> None:
        self._terminal = terminal
        command = [sys.executable, "-m", "hptui", *map(str, arguments)]
        if terminal:
            options["start_new_session"] = True
        super().__init__(command, **options)

    def _execute_child(self, *given: Any) -> None:
        """Fork instead of starting a Python; `given` is what Popen has made of its options."""
        asked = OF_A_NEW_PYTHON.bind(self, *given).arguments
        environment = dict(os.environ if asked["env"] is None else asked["env"])
        streams = [asked[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        words = {
            "arguments": asked["args"][3:],
            "environment": environment,
            "folder": os.fspath(asked["cwd"] or Path.cwd()),
            "session": asked["start_new_session"],
            "terminal": self._terminal,
        }
        self.pid = nursery().fork(words, [one if one >= 0 else number for number, one in enumerate(streams)])
        self._child_created = True
        self._close_pipe_fds(*(asked[name] for name in PIPES))  # type: ignore[attr-defined]


def start(*arguments: object, **options: Any) -> subprocess.Popen[Any]:
    """Start hptui; from the nursery where nothing says otherwise."""
    environment = dict(os.environ if options.get("env") is None else options["env"])
    path = environment.pop("PYTHONPATH", str(REPOSITORY))
    is_usual = is_open and path == str(REPOSITORY) and "preexec_fn" not in options and sys.platform == "linux"
    if is_usual and early(environment) == early(nursery().environment):
        return Hptui(*arguments, **options)
    if options.pop("terminal", False):
        options["preexec_fn"] = own_session
    return subprocess.Popen([sys.executable, "-m", "hptui", *map(str, arguments)], **options)


def run(*arguments: object, timeout: float, **options: Any) -> subprocess.CompletedProcess[str]:
    """What hptui said, in words, and its exit code."""
    with start(*arguments, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options) as process:
        try:
            out, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def own_session() -> None:
    """The terminal on the first stream becomes that of a session of its own, as in a login."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def early(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(BEFORE_IMPORTS)}


class Nursery:
    """The process that forks."""

    def __init__(self) -> None:
        self.environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._ours, theirs = socket.socketpair()
        command = [sys.executable, __file__, str(theirs.fileno())]
        environment = self.environment | {"PYTHONPATH": str(REPOSITORY)}
        self._process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self._prctl = ctypes.CDLL(None).prctl

    def fork(self, words: dict[str, Any], streams: list[int]) -> int:
        """The number of a new process: a child of this one, as its true parent ends at once."""
        self._prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            text = json.dumps(words).encode()
            socket.send_fds(self._ours, [len(text).to_bytes(8, "big")], streams)
            self._ours.sendall(text)
            return int.from_bytes(self._ours.recv(8, socket.MSG_WAITALL), "big")
        finally:
            self._prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)  # what else loses its parent goes to init, as everywhere

    def close(self) -> None:
        self._ours.close()
        self._process.wait()


@cache
def nursery() -> Nursery:
    """Started when it is first needed."""
    one = Nursery()
    atexit.register(one.close)
    return one


def serve(ours: socket.socket) -> None:
    """Fork until nobody asks any more; return in a child that is to run hptui."""
    while True:
        head, streams, *_ = socket.recv_fds(ours, 8, 3)
        if not head:
            sys.exit()
        words = json.loads(ours.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL))
        reading, writing = os.pipe()
        between = os.fork()
        if between == 0:
            child = os.fork()
            if child:
                os.write(writing, child.to_bytes(8, "big"))
                os._exit(0)
            become(words, streams)
            return
        os.waitpid(between, 0)  # from now on the child belongs to the tests
        ours.sendall(os.read(reading, 8))
        for file in (reading, writing, *streams):
            os.close(file)


def become(words: dict[str, Any], streams: list[int]) -> None:
    """Take on everything by which one process differs from another."""
    if words["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 1024)
    if words["terminal"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(words["folder"])
    os.environ.clear()
    os.environ.update(words["environment"])
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)
        new = open(  # noqa: SIM115 (for the life of the process)
            number,
            "w" if number else "r",
            encoding=old.encoding,
            errors=old.errors,
            buffering=1 if number == 2 or os.isatty(number) else -1,
            closefd=False,
        )
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    sys.path[0] = words["folder"]
    sys.argv = ["hptui", *words["arguments"]]


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    with contextlib.suppress(KeyboardInterrupt):
        serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("hptui", run_name="__main__", alter_sys=True)
