"""What a viewer asks a running study to do: each viewer appends to a command file of its own, the trainer reads all.

    STUDY/commands/HOST-PID-N.jsonl    one JSON line per command

The trainer looks at its safe points, does what is asked, and records what it did as an event: the command
files are requests, the events are the truth. Commands that were written before the trainer started are void.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
import uuid
from pathlib import Path

import msgspec

from hptui.errors import RunDirectoryError
from hptui.parsing import decode_json

COMMANDS = "commands"


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", tag=True):
    """Base of all commands; `author` and `time` are set by the sender."""

    author: str = ""
    """user@host"""
    time: float = 0.0
    """seconds since 1970, UTC"""


class Pause(Command, frozen=True, kw_only=True):
    """Wait before the next batch."""


class Continue(Command, frozen=True, kw_only=True):
    """Go on after a pause."""


class StepEpoch(Command, frozen=True, kw_only=True):
    """Train to the end of the epoch, then pause."""


class ChangeRanges(Command, frozen=True, kw_only=True):
    """Search in other ranges from the next decision on, in this and all later runs of the study."""

    search: dict[str, str]
    """name -> low:high:scale:steps; names that are missing stay at the value in force"""


class UseValues(Command, frozen=True, kw_only=True):
    """Put values in force from the next decision of this run on, instead of what its strategy would choose."""

    run: str
    """its name; another run that is trained when this arrives refuses"""
    values: dict[str, float]
    """empty: the strategy chooses again"""


class AddEpochs(Command, frozen=True, kw_only=True):
    """Add epochs to every run of the study."""

    epochs: int


class StopRun(Command, frozen=True, kw_only=True):
    """Stop this run with a checkpoint and begin the next one."""

    run: str
    """its name; another run that is trained when this arrives goes on"""


class StopStudy(Command, frozen=True, kw_only=True):
    """Stop with a checkpoint; `hptui resume` goes on."""


AnyCommand = Pause | Continue | StepEpoch | ChangeRanges | UseValues | AddEpochs | StopRun | StopStudy

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyCommand)


class CommandSender:
    """One viewer's own command file; made with the first command."""

    def __init__(self, study: Path) -> None:
        self._path = study / COMMANDS / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
        self._author = f"{_user()}@{socket.gethostname()}"

    def send(self, command: AnyCommand) -> None:
        """Append one command, whole.

        Raises:
            RunDirectoryError: the study cannot be written from here (a read-only copy, a full disk).
        """
        signed = msgspec.structs.replace(command, author=self._author, time=time.time())
        try:
            self._path.parent.mkdir(exist_ok=True)
            with self._path.open("ab", buffering=0) as file:
                file.write(_encoder.encode(signed) + b"\n")
        except OSError as error:
            raise RunDirectoryError(f"cannot write in {self._path.parent}: {error.strerror}.") from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have a number and no name
        return str(os.getuid())


class CommandInbox:
    """The trainer's end: it receives the commands of all viewers that came in since it was made."""

    def __init__(self, study: Path) -> None:
        self._folder = study / COMMANDS
        self._offsets = {path.name: path.stat().st_size for path in self._files()}

    def receive(self) -> list[AnyCommand]:
        """New commands in the order of their times; a torn line waits, a line that is no command is passed over."""
        commands: list[AnyCommand] = []
        for path in self._files():
            offset = self._offsets.get(path.name, 0)
            try:
                if path.stat().st_size <= offset:
                    continue
                with path.open("rb") as file:
                    file.seek(offset)
                    lines = file.read().rpartition(b"\n")[0]
            except OSError:
                continue  # a viewer's file on a failing disk must not stop a training
            if not lines:
                continue
            self._offsets[path.name] = offset + len(lines) + 1
            commands += [command for line in lines.splitlines() if (command := _decode(line)) is not None]
        return sorted(commands, key=lambda command: command.time)

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix == ".jsonl")
        except OSError:
            return []


def _decode(line: bytes) -> AnyCommand | None:
    try:
        command: AnyCommand = decode_json(_decoder, line)
    except msgspec.DecodeError:
        return None
    return command
