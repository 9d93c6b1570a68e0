"""What a viewer asks a running study to do: each viewer appends to a command file of its own, the trainer reads all.

    STUDY/commands/HOST-PID-N.jsonl    one JSON line per command

The trainer looks at its safe points, does what is asked, and records what it did as an event: the command
files are requests, the events are the truth. Commands that were written before the trainer started are void. How the
trainer reads them, and whose it takes, is in `hptui.record.command_inbox`.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
import uuid
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from hptui.errors import ConfigError, RunDirectoryError
from hptui.hyperparameters import hyperparameter
from hptui.parsing import decode_json
from hptui.record.write_errors import cannot_write
from hptui.space import parse_range

COMMANDS = "commands"
MOST_EPOCHS = 100_000
"""of a run (hptui.config)"""
Name = Annotated[str, Meta(max_length=200)]
Some = Meta(max_length=100)
"""more hyperparameters than anybody searches"""


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", tag=True):
    """Base of all commands; `author` and `time` are set by the sender."""

    author: Name = ""
    """user@host"""
    time: float = 0.0
    """seconds since 1970, UTC"""

    @property
    def mark(self) -> str:
        """What tells this command from all others: nobody sends two at the same microsecond. Empty: it was not sent."""
        return f"{self.author} {self.time:.6f}" if self.time else ""


class Pause(Command, frozen=True, kw_only=True):
    """Wait before the next batch."""


class Continue(Command, frozen=True, kw_only=True):
    """Go on after a pause."""


class StepEpoch(Command, frozen=True, kw_only=True):
    """Train to the end of the epoch, then pause."""


class ChangeRanges(Command, frozen=True, kw_only=True):
    """Search in other ranges from the next decision on, in this and all later runs of the study."""

    search: Annotated[dict[Name, Name], Some]
    """name -> low:high:scale:steps; names that are missing stay at the value in force"""


class UseValues(Command, frozen=True, kw_only=True):
    """Put values in force from the next decision of this run on, instead of what its strategy would choose."""

    run: Name
    """its name; another run that is trained when this arrives refuses"""
    values: Annotated[dict[Name, float], Some]
    """empty: the strategy chooses again"""


class AddEpochs(Command, frozen=True, kw_only=True):
    """Add epochs to every run of the study."""

    epochs: Annotated[int, Meta(ge=1, le=MOST_EPOCHS)]


class StopRun(Command, frozen=True, kw_only=True):
    """Stop this run with a checkpoint and begin the next one."""

    run: Name
    """its name; another run that is trained when this arrives goes on"""


class StopStudy(Command, frozen=True, kw_only=True):
    """Stop with a checkpoint; `hptui resume` goes on."""


AnyCommand = Pause | Continue | StepEpoch | ChangeRanges | UseValues | AddEpochs | StopRun | StopStudy

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyCommand)


def decode_command(line: bytes) -> AnyCommand:
    """The command of one line, with all that it says within its bounds.

    Raises:
        ConfigError: it is no command, or asks for what no training can do.
    """
    try:
        command: AnyCommand = decode_json(_decoder, line)
    except msgspec.DecodeError as error:
        raise ConfigError(f"this is no command: {str(error)[:200]}") from None
    match command:
        case ChangeRanges():
            for name, text in command.search.items():
                if text != "off":
                    parse_range(name, text)
        case UseValues():
            for name, value in command.values.items():
                hyperparameter(name).check(value)
    return command


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
        line, folder = _encoder.encode(signed) + b"\n", self._path.parent
        if folder.is_symlink():
            raise RunDirectoryError(f"{folder} is a link; nothing is written through it.")
        try:
            folder.mkdir(exist_ok=True)
            # nobody else may append to it, whatever the umask: it would be in this user's name
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                os.write(file, line)
            finally:
                os.close(file)
        except OSError as error:
            raise RunDirectoryError(cannot_write(folder, error, len(line), then="try again")) from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have a number and no name
        return str(os.getuid())
