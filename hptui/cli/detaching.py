"""Start a training in a process of its own, which outlives the terminal and the login that it was started from.

The new process is told what to train on its stdin, and answers with one line on its stdout once the first fact is in
the log; until then, what it has to say goes to a file that whoever started it can read. `cli.background` is its side.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hptui.cli.exit_codes import DONE, FAILED
from hptui.cli.headway_line import HeadwayLine
from hptui.cli.output import print_line, print_to_stderr
from hptui.config import StudyConfig
from hptui.errors import HptuiError
from hptui.machine import same_python
from hptui.record.presence import is_written, read_heartbeat
from hptui.record.study_folders import shown, studies_folder

SAID_BYTES = 500
"""of a last line that is shown"""
COMMAND = "trainer"
"""of hptui, hidden: the process that trains"""


class Job(msgspec.Struct, frozen=True):
    """What a detached process is to train: plain data."""

    config: StudyConfig
    """with the paths of this machine"""
    study: str | None = None
    """the folder of a study to go on with; None: a new one"""

    def encode(self) -> bytes:
        """One line of ASCII: a path may hold bytes that are no UTF-8, which only escapes can carry."""
        return json.dumps(msgspec.to_builtins(self)).encode("ascii") + b"\n"

    @property
    def label(self) -> str:
        """What it trains, for lists of processes."""
        return shown(self.study or self.config.out or f"{self.config.dataset}-{self.config.strategy}")

    @staticmethod
    def decode(line: bytes) -> Job:
        """Inverse of `encode`."""
        return msgspec.convert(json.loads(line), Job)


class Answer(msgspec.Struct, frozen=True):
    """What a detached process says once it trains, or has found that there is nothing left to train."""

    study: str
    """its folder"""
    process: int

    def encode(self) -> bytes:
        """One line of ASCII, as for `Job`."""
        return json.dumps(msgspec.to_builtins(self)).encode("ascii") + b"\n"


class DetachedTraining:
    """A training that was started in a process of its own. All members may be used from any thread."""

    def __init__(self, job: Job, environment: Mapping[str, str] | None = None) -> None:
        """Start it; `environment` is added to that of this process."""
        self.study: Path | None = None
        """the folder, once the training has begun"""
        self.process = 0
        self.said = ""
        """what a start that came to nothing said; its last line is the reason"""
        self.exit_code: int | None = None
        """of a start that came to nothing"""
        self._answered = threading.Event()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the thread reads)
        self._process = subprocess.Popen(
            [*same_python(), "-m", "hptui", COMMAND, job.label],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # no terminal can hang it up, and no Ctrl+C reaches it
        )
        # it also waits for the end: a process that nobody waits for stays in the table as if it lived
        threading.Thread(target=self._attend, args=(job,), name="hptui-detached", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether it is still being prepared; a training that has begun is no longer this process's."""
        return not self._answered.is_set()

    @property
    def doing(self) -> str:
        """The last line that it said while it is prepared: what takes long, and how far it was."""
        if not self.alive:
            return ""
        with contextlib.suppress(OSError, ValueError):  # ValueError: it has begun this instant, and the file is closed
            file = self._said.fileno()
            end = os.fstat(file).st_size
            said = os.pread(file, SAID_BYTES, max(end - SAID_BYTES, 0)).decode("utf-8", "replace")
            return (said.strip().splitlines() or [""])[-1]
        return ""

    @property
    def error(self) -> str | None:
        """Why it has not begun, in one line."""
        if self.alive or self.study is not None:
            return None
        lines = self.said.strip().splitlines()
        return lines[-1].removeprefix("hptui: ") if lines else f"the training ended with exit code {self.exit_code}"

    def wait(self) -> None:
        """Wait until it has begun, or has come to nothing."""
        line = HeadwayLine()
        while not self._answered.wait(0.5):  # in pieces, so that Ctrl+C is heard
            line.show(self.doing)
        line.clear()

    def stop(self, reason: str) -> None:  # noqa: ARG002 (as every training is stopped)
        """End it, if it has not begun; there is nothing to lose yet. Later `hptui stop` asks for a checkpoint."""
        if self.alive:
            self._process.terminate()

    def _attend(self, job: Job) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):  # it ended before it listened; what it said tells why
            process.stdin.write(job.encode())
            process.stdin.close()
        with process.stdout:
            line = process.stdout.readline()
        if line:
            answer = msgspec.convert(json.loads(line), Answer)
            self.study, self.process = Path(answer.study), answer.process
        else:
            code = process.wait()
            self.exit_code = code if code >= 0 else FAILED
            self._said.seek(0)
            self.said = self._said.read().decode("utf-8", "replace")
        self._said.close()
        self._answered.set()
        process.wait()


def begin_detached(job: Job, environment: Mapping[str, str]) -> DetachedTraining:
    """Start a training and wait until it has begun; Ctrl+C meanwhile ends it.

    Raises:
        StartError: it came to nothing.
    """
    if sys.stderr.isatty():
        print_to_stderr("reading data and building the network ...")
    training = DetachedTraining(job, environment)
    try:
        training.wait()
    except KeyboardInterrupt:
        training.stop("SIGINT")
        raise
    if training.study is None:
        for line in training.said.strip().splitlines()[:-1]:
            print_to_stderr(line)
        raise StartError(training.error or "", training.exit_code or FAILED)
    return training


class StartError(HptuiError):
    """A detached training came to nothing: its own message, and its own exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def print_started(training: DetachedTraining, *, as_json: bool) -> int:
    """Say on stdout where the study is, and how it is looked at and stopped."""
    assert training.study is not None
    if as_json:
        facts: dict[str, Any] = {"study": shown(training.study.name), "directory": shown(training.study)}
        print_line(json.dumps(facts | {"process": training.process}))
        return DONE
    print_line(f"study {shown(training.study)}")
    if is_written(training.study):
        print_line(f"trained by process {training.process}, without this terminal")
        print_line("\n".join(how_to_reach(training.study)))
    else:  # little was left to train, or nothing
        print_line(f"its training has ended: hptui compare {typed(training.study)}")
    return DONE


def how_to_reach(study: Path) -> tuple[str, str]:
    """Two lines: how to look at a study that another process trains, and how to stop it."""
    name = typed(study)
    return f"look at it: hptui watch {name}", f"stop it:    hptui stop {name}"


def typed(study: Path) -> str:
    """What one types for a study: its name among the user's studies, or its path."""
    among = study.parent == studies_folder().resolve()
    return shlex.quote(shown(study.name if among else study))


def print_what_goes_on(studies: Iterable[Path]) -> None:
    """Say on stderr which of these studies other processes train, now that the screen is closed."""
    for study in dict.fromkeys(studies):
        beat = read_heartbeat(study) if is_written(study) else None
        if beat is not None and (beat.pid, beat.host) != (os.getpid(), socket.gethostname()):
            print_to_stderr(f"{shown(study.name)} goes on: {beat.writer} trains it")
            print_to_stderr("\n".join(how_to_reach(study)))
