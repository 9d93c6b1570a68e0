"""Command files as the trainer finds them: of anybody, of any kind, with anything in them. None ends a training."""

from __future__ import annotations

import math
import os
import random
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from hptui.errors import ConfigError, RunDirectoryError
from hptui.hyperparameters import hyperparameter
from hptui.record import command_inbox
from hptui.record.command_inbox import MOST_BYTES, CommandInbox, Unusable
from hptui.record.commands import (
    MOST_EPOCHS,
    AddEpochs,
    AnyCommand,
    ChangeRanges,
    CommandSender,
    Continue,
    Pause,
    StepEpoch,
    StopRun,
    StopStudy,
    UseValues,
    decode_command,
)
from hptui.record.events import CommandRefused, decode, encode
from hptui.space import parse_range
from hptui.training.run.control import Control

COMMANDS: list[AnyCommand] = [
    Pause(author="me@here", time=1.0),
    Continue(author="me@here"),
    StepEpoch(),
    ChangeRanges(search={"lr": "1e-3:1e-1:log:3", "momentum": "off"}),
    UseValues(run="optimized-0", values={"lr": 0.1, "batch_size": 32}),
    AddEpochs(epochs=3),
    StopRun(run="optimized-0"),
    StopStudy(author="me@here"),
]
LINE = msgspec.json.encode(Pause()) + b"\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "commands").mkdir()
    return tmp_path / "commands"


def received(inbox: CommandInbox) -> tuple[list[Unusable], list[AnyCommand]]:
    found = inbox.receive()
    return [one for one in found if isinstance(one, Unusable)], [one for one in found if not isinstance(one, Unusable)]


def fifo(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path)


def link_to_commands(path: Path) -> None:
    """Somebody else's file: of what it names none is the study's."""
    (path.parent.parent / "elsewhere").write_bytes(LINE)
    path.symlink_to(path.parent.parent / "elsewhere")


def enormous(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(200_000_000_000)


def endless_line(path: Path) -> None:
    path.write_bytes(b"x" * (MOST_BYTES + 1))


@pytest.mark.parametrize("before", [False, True], ids=["later", "before"])
@pytest.mark.parametrize(
    "make", [fifo, Path.mkdir, loop, link_to_commands, lambda path: path.symlink_to("gone"), enormous, endless_line]
)
def test_what_is_no_command_file_is_set_aside_and_told_once(
    folder: Path, make: Callable[[Path], None], before: bool
) -> None:
    if before:
        make(folder / "bad.jsonl")
    inbox = CommandInbox(folder.parent)
    if not before:
        make(folder / "bad.jsonl")
    (folder / "good.jsonl").write_bytes(LINE)
    unusable, commands = received(inbox)
    assert commands == [Pause()]
    for one in unusable:
        assert one.reason.startswith("commands/bad.jsonl is set aside: ")
    is_void = before and make in (enormous, endless_line)  # whatever is in it was there before
    assert len(unusable) == (0 if is_void else 1)
    (folder / "good.jsonl").write_bytes(LINE + LINE)
    assert received(inbox) == ([], [Pause()])


@pytest.mark.parametrize(
    "line",
    [
        b'{"command":"Pause","author":"\xff"}',
        b"\x00\xff\xfe",
        b"[" * 100_000,
        b'{"command":"Fly"}',
        b'{"command":"AddEpochs","epochs":-2}',
        b'{"command":"AddEpochs","epochs":0}',
        b'{"command":"AddEpochs","epochs":1e999}',
        b'{"command":"AddEpochs","epochs":' + b"9" * 5000 + b"}",
        b'{"command":"UseValues","run":"optimized-0","values":{"lr":-1}}',
        b'{"command":"UseValues","run":"optimized-0","values":{"lr":1e999}}',
        b'{"command":"UseValues","run":"optimized-0","values":{"gravity":1}}',
        b'{"command":"UseValues","run":"optimized-0","values":{"batch_size":2.5}}',
        b'{"command":"ChangeRanges","search":{"lr":"1:0.1:log:3"}}',
        b'{"command":"ChangeRanges","search":{"lr":"-1:1:lin:3"}}',
        b'{"command":"ChangeRanges","search":{"gravity":"0:1:lin:3"}}',
        b'{"command":"ChangeRanges","search":{"lr":"0:1:lin:100000000"}}',
        b'{"command":"Pause","author":"' + b"a" * 100_000 + b'"}',
        b'{"command":"StopRun","run":"' + b"a" * 100_000 + b'"}',
    ],
    ids=lambda line: line[:60].decode("ascii", "replace"),
)
def test_a_line_out_of_bounds_is_told_once_and_passed_over(folder: Path, line: bytes) -> None:
    with pytest.raises(ConfigError):
        decode_command(line)
    inbox = CommandInbox(folder.parent)
    (folder / "a.jsonl").write_bytes(LINE + line + b"\n" + line + b"\n" + LINE)
    unusable, commands = received(inbox)
    assert commands == [Pause(), Pause()]
    (told,) = unusable
    assert told.reason.startswith("commands/a.jsonl has a line that is passed over: ")
    assert len(told.reason) < 1000
    assert told.reason.isprintable()


def test_the_training_records_what_it_passes_over(folder: Path) -> None:
    control = Control(CommandInbox(folder.parent))
    told: list[Any] = []
    control.begin("optimized-0", told.append)
    (folder / "a\x1b[31m.jsonl").write_bytes(b'{"command":"Pause","author":"\xff"}\n')
    control.check(now=True)
    (refused,) = told
    assert isinstance(refused, CommandRefused)
    assert "\x1b" not in refused.reason
    assert decode(encode(refused).rstrip(b"\n")) == refused
    control.check(now=True)
    assert len(told) == 1


def mutated(line: bytes, chance: random.Random) -> bytes:
    content = bytearray(line)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(content) + 1)
        match chance.randrange(4):
            case 0:
                content[place:place] = chance.randbytes(chance.randint(1, 3))
            case 1:
                del content[place : place + chance.randint(1, 5)]
            case 2:
                content[place : place + 1] = chance.choice(
                    [b"-", b"9" * 30, b"1e999", b"NaN", b"\\ud800", b"\xff", b'"']
                )
            case _:
                content[place : place + 2] = content[place // 2 : place // 2 + 3]
    return bytes(content).replace(b"\n", b" ")


def in_bounds(command: AnyCommand) -> bool:
    match command:
        case AddEpochs():
            return 1 <= command.epochs <= MOST_EPOCHS
        case UseValues():
            return all(hyperparameter(name).check(value) is not None for name, value in command.values.items())
        case ChangeRanges():
            return all(text == "off" or parse_range(name, text) is not None for name, text in command.search.items())
    return True


def test_whatever_is_in_a_line_it_is_a_command_in_bounds_or_refused() -> None:
    chance = random.Random(13)
    taken = 0
    for number in range(20_000):
        line = mutated(msgspec.json.encode(COMMANDS[number % len(COMMANDS)]), chance)
        try:
            command = decode_command(line)
        except ConfigError as error:
            encode(CommandRefused(by="me", reason=str(error)))  # it can be written down
            continue
        taken += 1
        assert in_bounds(command), line
        assert not math.isnan(command.time)
        msgspec.json.encode(command)
    assert taken > 100  # it is not that everything is refused


@given(some.binary(max_size=200))
def test_no_bytes_are_more_than_refused(line: bytes) -> None:
    with pytest.raises(ConfigError):
        decode_command(line)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_every_command_arrives_as_it_was_sent(tmp_path: Path, command: AnyCommand) -> None:
    inbox = CommandInbox(tmp_path)
    CommandSender(tmp_path).send(command)
    unusable, (arrived,) = received(inbox)
    assert unusable == []
    assert msgspec.structs.replace(arrived, author=command.author, time=command.time) == command


OTHER, MEMBER = 54321, 54322
GROUP = 6543


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Callable[[int], None]:
    """Let the file `a.jsonl` belong to another user, whatever this process may do."""

    def give(user: int) -> None:
        real = command_inbox.CommandInbox._distrust

        def distrust(self: CommandInbox, found: os.stat_result) -> str:
            values = list(found)
            values[stat.ST_UID] = user
            return real(self, os.stat_result(values))

        monkeypatch.setattr(command_inbox.CommandInbox, "_distrust", distrust)

    monkeypatch.setattr(command_inbox, "_is_member", lambda user, group: user == MEMBER)
    return give


@pytest.mark.parametrize(
    ("user", "mode", "taken"),
    [
        (os.geteuid(), 0o755, True),
        (0, 0o755, True),
        (OTHER, 0o755, False),
        (OTHER, 0o775, False),
        (OTHER, 0o777, False),
        (OTHER, 0o1777, False),
        (MEMBER, 0o755, False),
        (MEMBER, 0o757, False),
        (MEMBER, 0o775, True),
    ],
)
def test_commands_are_taken_from_the_owner_and_whom_the_owner_allows(
    folder: Path, strangers: Callable[[int], None], user: int, mode: int, taken: bool
) -> None:
    folder.chmod(mode)
    strangers(user)
    inbox = CommandInbox(folder.parent)
    (folder / "a.jsonl").write_bytes(LINE)
    (folder / "a.jsonl").chmod(0o644)
    unusable, commands = received(inbox)
    assert (len(commands), len(unusable)) == ((1, 0) if taken else (0, 1))
    if not taken:
        assert "commands are taken from the owner of the study" in unusable[0].reason


@pytest.mark.parametrize(
    ("folder_mode", "mode", "taken"), [(0o755, 0o664, False), (0o775, 0o664, True), (0o775, 0o666, False)]
)
def test_a_file_that_others_may_write_is_theirs(folder: Path, folder_mode: int, mode: int, taken: bool) -> None:
    folder.chmod(folder_mode)
    inbox = CommandInbox(folder.parent)
    (folder / "a.jsonl").write_bytes(LINE)
    (folder / "a.jsonl").chmod(mode)
    unusable, commands = received(inbox)
    assert (commands == [Pause()], unusable == []) == (taken, taken)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_set_aside(folder: Path) -> None:
    folder.chmod(0o1777)
    inbox = CommandInbox(folder.parent)
    (folder / "a.jsonl").write_bytes(LINE)
    os.chown(folder / "a.jsonl", OTHER, OTHER)
    (told,), commands = received(inbox)
    assert commands == []
    assert told.by == f"user {OTHER}"


def test_a_viewer_s_file_can_be_written_by_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        CommandSender(tmp_path).send(Pause())
    finally:
        os.umask(before)
    (file,) = (tmp_path / "commands").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_no_link_is_followed_by_either_end(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "commands").symlink_to(tmp_path / "elsewhere")
    inbox = CommandInbox(tmp_path / "study")
    (tmp_path / "elsewhere" / "a.jsonl").write_bytes(LINE)
    assert inbox.receive() == []
    with pytest.raises(RunDirectoryError, match="commands is a link"):
        CommandSender(tmp_path / "study").send(Pause())
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1
