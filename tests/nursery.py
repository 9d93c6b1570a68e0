"""Processes of hptui that begin where torch is imported: four of the five seconds that a short study takes are imports.

A process that has imported what every training and its screen import waits beside the tests, and forks one that runs
`hptui` as `python -m hptui` would, or another program that trains: with its own session, streams, environment and
folder. The tests are its parent, and wait for it as for any other. Where the environment says how to import, or
something has to be done before the program begins, a new Python is started. A trainer that hptui itself starts is a new
Python, as it is for everybody, unless the test says `within=True`: then the program has a nursery of its own, which
forks it. Where other packages come before all others, a forked process forgets what was imported of hptui, and imports
it anew.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import importlib
import inspect
import json
import math
import os
import runpy
import socket
import subprocess
import sys
import termios
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
PATHS = (str(REPOSITORY), os.environ.get("PYTHONPATH", str(REPOSITORY)))
"""where packages are looked for, if no test says otherwise"""
is_open = False
"""whether it is used: by tests, not by what measures a start"""
within: Client | None = None
"""of the nursery of its own that a program has; None: it has none"""
BEFORE_IMPORTS = ("PYTHON", "OMP_", "MKL_", "OPENBLAS_", "TORCH", "TEXTUAL", "LD_", "LC_", "LANG")
"""beginnings of variables that are looked at while a Python starts, or torch or Textual is imported"""
OF_IMPORTS = ("TORCHINDUCTOR_CACHE_DIR", "OMP_WAIT_POLICY")
"""variables that torch and hptui write themselves when they are imported, here in the tests' own process: no wish"""
IMPORTED = (
    "torch._dynamo",
    "torchvision",
    "sklearn.gaussian_process",
    "scipy.optimize",
    "scipy.stats",
    "plotext",
    "hptui.cli.commands.beginning",
    "hptui.cli.headless",
    "hptui.cli.preparing",
    "hptui.cli.screen",
    "hptui.cli.tables",
    "hptui.training.study",
    "hptui.ui.screens.dashboard",
    "hptui.ui.screens.new_study",
    "hptui.ui.screens.study_list",
)
"""by every training, its search or its screen; and of hptui nothing that looks at the environment when imported"""
OF_A_NEW_PYTHON = inspect.signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]
PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
PR_SET_CHILD_SUBREAPER = 36  # of <sys/prctl.h>


class Forked(subprocess.Popen[Any]):
    """What a new Python with this command would be; `terminal`: its first stream becomes that of its session.

    `within`: the trainers that it starts are forked too.
    """

    def __init__(self, command: list[str], *, terminal: bool = False, within: bool = False, **options: Any) -> None:
        self._terminal, self._within = terminal, within
        if terminal:
            options["start_new_session"] = True
        super().__init__(command, **options)

    def _execute_child(self, *given: Any) -> None:
        """Fork instead of starting a Python; `given` is what Popen has made of its options."""
        asked = OF_A_NEW_PYTHON.bind(self, *given).arguments
        environment = dict(os.environ if asked["env"] is None else asked["env"])
        streams = [asked[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        words = {
            "arguments": [word for word in asked["args"][1:] if word != "-P"],  # that only says where to look
            "environment": environment,
            "folder": os.fspath(asked["cwd"] or Path.cwd()),
            "session": asked["start_new_session"],
            "terminal": self._terminal,
            "within": self._within,
        }
        self.pid = (within or nursery()).fork(
            words, [one if one >= 0 else number for number, one in enumerate(streams)]
        )
        self._child_created = True
        self._close_pipe_fds(*(asked[name] for name in PIPES))  # type: ignore[attr-defined]


def start(*arguments: object, program: Sequence[str] = ("-m", "hptui"), **options: Any) -> subprocess.Popen[Any]:
    """Start hptui, or the `program` that Python is told so; from the nursery where nothing says otherwise.

    `packages`: a folder that is looked through for packages before all others, none of which is imported here.
    """
    command = [sys.executable, *program, *map(str, arguments)]
    packages = [str(options.pop("packages"))] if "packages" in options else []
    environment = dict(os.environ if options.get("env") is None else options["env"])
    path = environment.pop("PYTHONPATH", str(REPOSITORY))
    is_usual = is_open and path in PATHS and "preexec_fn" not in options and sys.platform == "linux"
    if packages:
        options["env"] = environment | {"PYTHONPATH": os.pathsep.join([*packages, path])}
    if is_usual and early(environment) == early(nursery().environment):
        return Forked(command, **options)
    options.pop("within", None)
    if options.pop("terminal", False):
        options["preexec_fn"] = own_session
    return subprocess.Popen(command, **options)


def run(*arguments: object, timeout: float, **options: Any) -> subprocess.CompletedProcess[str]:
    """What it said, in words, and its exit code."""
    with start(*arguments, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options) as process:
        try:
            out, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def flush_nothing(file: int) -> None:
    """What stands for os.fsync: no test outlives a power loss, and a flush takes 5 ms. What is no file still fails."""
    os.fstat(file)


def own_session() -> None:
    """The terminal on the first stream becomes that of a session of its own, as in a login."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def early(environment: dict[str, str]) -> dict[str, str]:
    """The part of an environment that is too late for a process in which torch is imported."""
    return {
        name: value for name, value in environment.items() if name.startswith(BEFORE_IMPORTS) and name not in OF_IMPORTS
    }


class Client:
    """Asks a nursery to fork, through this socket."""

    def __init__(self, ours: socket.socket) -> None:
        self._ours = ours
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


class Nursery(Client):
    """The handle to the nursery of the tests: starts that process, asks it to fork, and waits for its end."""

    def __init__(self) -> None:
        self.environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        ours, theirs = socket.socketpair()
        command = [sys.executable, __file__, str(theirs.fileno())]
        environment = self.environment | {"PYTHONPATH": str(REPOSITORY), "OMP_WAIT_POLICY": "PASSIVE"}
        self._process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        super().__init__(ours)

    def close(self) -> None:
        super().close()
        self._process.wait()


@cache
def nursery() -> Nursery:
    """Started when it is first needed."""
    one = Nursery()
    atexit.register(one.close)
    return one


def serve(ours: socket.socket) -> list[str]:
    """Fork until nobody asks any more; in a child, return the words of its command."""
    while True:
        head, streams, *_ = socket.recv_fds(ours, 8, 3)
        if not head:
            os._exit(0)
        words = json.loads(ours.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL))
        reading, writing = os.pipe()
        between = os.fork()
        if between == 0:
            child = os.fork()
            if child:
                os.write(writing, child.to_bytes(8, "big"))
                os._exit(0)
            become(words, streams)
            arguments: list[str] = words["arguments"]
            return (begin_within() if words["within"] else None) or arguments
        os.waitpid(between, 0)  # from now on the child belongs to the tests
        ours.sendall(os.read(reading, 8))
        for file in (reading, writing, *streams):
            os.close(file)


def begin_within() -> list[str] | None:
    """Fork a nursery for the trainers of this process; in a trainer, return the words of its command."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)  # whoever reads what the program says sees when it has ended
        return serve(theirs)
    theirs.close()
    global within  # noqa: PLW0603 (this process has begun a life of its own)
    within = Client(ours)
    detaching = importlib.import_module("hptui.cli.detaching")
    detaching.subprocess = SimpleNamespace(Popen=Forked, PIPE=subprocess.PIPE)  # type: ignore[attr-defined]
    return None


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
    first = words["folder"] if words["arguments"][0] == "-m" else str(Path(words["arguments"][0]).parent)
    path = words["environment"].get("PYTHONPATH", str(REPOSITORY))
    sys.path[:2] = [first, *path.split(os.pathsep)]  # in place of the folder of this file, and of the repository
    if path not in PATHS:  # it may have plug-ins, for which hptui looks once
        for name in [name for name in sys.modules if name.partition(".")[0] == "hptui"]:
            del sys.modules[name]


def execute(arguments: list[str]) -> None:
    """Run the program of a command: `-m` and a module, or a file."""
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    os.fsync = flush_nothing
    gc.disable()
    for name in IMPORTED:
        importlib.import_module(name)
    importlib.import_module("hptui.cli.headway_line").FIRST_SECONDS = math.inf  # as in the tests' own process
    gc.collect()
    gc.freeze()  # else each process would copy all of it the first time that it looks for garbage
    gc.enable()
    try:
        command = serve(socket.socket(fileno=int(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit()
    execute(command)
