"""Processes of hptui that find torch imported: of a short training, the import takes half the time.

One process beside each process of pytest imports torch, and nothing of hptui. Whatever is started is a fork of it, and
is from then on what `python -m hptui` is. `subprocess` serves where the start itself matters, or there is no torch.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

PATIENCE_SECONDS = 240
POLL_SECONDS = 0.01


class Forked:
    """A process of hptui, with as much of `subprocess.Popen` as tests need."""

    def __init__(
        self, *arguments: object, terminal: int | None = None, environment: dict[str, str] | None = None
    ) -> None:
        """Start it, in a session of its own if there is a terminal for it."""
        self._output, self._errors = TemporaryFile(), TemporaryFile()  # noqa: SIM115 (until `close`)
        self.returncode: int | None = None
        request = {
            "arguments": [str(argument) for argument in arguments],
            "environment": dict(os.environ) if environment is None else environment,
            "folder": str(Path.cwd()),
            "terminal": terminal is not None,
        }
        with Path(os.devnull).open("rb") as nothing:
            files = [nothing.fileno(), self._output.fileno(), self._errors.fileno()]
            self.pid: int = source().asked(request, files if terminal is None else [terminal] * 3)

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = source().asked(self.pid)
        return self.returncode

    def wait(self, timeout: float = PATIENCE_SECONDS) -> int:
        end = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("hptui", timeout)
            time.sleep(POLL_SECONDS)
        return code

    def communicate(self, timeout: float = PATIENCE_SECONDS) -> tuple[str, str]:
        """Output and errors, once it has ended."""
        self.wait(timeout)
        texts = []
        for file in (self._output, self._errors):
            file.seek(0)
            texts.append(file.read().decode())
        return texts[0], texts[1]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """End it, whatever it does."""
        self.kill()
        self.wait()
        self._output.close()
        self._errors.close()


def hptui(*arguments: object, timeout: float = PATIENCE_SECONDS) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    process = Forked(*arguments)
    try:
        output, errors = process.communicate(timeout)
    finally:
        process.close()
    return subprocess.CompletedProcess(arguments, process.wait(), output, errors)


class Source:
    """The process that has imported torch, as pytest's process sees it."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        command = [sys.executable, __file__, str(theirs.fileno())]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self._answers = self._channel.makefile("r", encoding="utf-8")
        atexit.register(self._close)

    def asked(self, request: dict[str, Any] | int, files: Sequence[int] = ()) -> Any:
        """A new process's number, or a process's exit code, None while it runs."""
        data = json.dumps(request).encode() + b"\n"
        sent = socket.send_fds(self._channel, [data], files) if files else 0
        self._channel.sendall(data[sent:])
        return json.loads(self._answers.readline())

    def _close(self) -> None:
        self._answers.close()
        self._channel.close()
        self._process.wait()


@functools.cache
def source() -> Source:
    return Source()


# ---- in the other process


def serve(channel: socket.socket) -> bool:
    """Answer until nobody asks any more; True in a process that is to be hptui."""
    while True:
        data, files = b"", []
        while not data.endswith(b"\n"):
            part, received, *_ = socket.recv_fds(channel, 1 << 16, 3)
            if not part:
                return False
            data, files = data + part, files + received
        request = json.loads(data)
        answer = exit_code(request) if isinstance(request, int) else os.fork()
        if answer == 0 and files:
            channel.close()
            become(files, **request)
            return True
        for file in files:
            os.close(file)
        channel.sendall(json.dumps(answer).encode() + b"\n")


def exit_code(pid: int) -> int | None:
    """As Popen has it; None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def become(files: list[int], arguments: list[str], environment: dict[str, str], folder: str, *, terminal: bool) -> None:
    if terminal:
        os.setsid()
        fcntl.ioctl(files[0], termios.TIOCSCTTY, 0)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115 (what is known of them is of the old ones)
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv[1:] = arguments


if __name__ == "__main__":
    import sklearn.datasets  # noqa: F401
    import torch  # noqa: F401

    if serve(socket.socket(fileno=int(sys.argv[1]))):
        runpy.run_module("hptui", run_name="__main__", alter_sys=True)
