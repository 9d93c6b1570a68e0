"""The trainer's end of the commands: it reads the files of all viewers, and takes what it may take.

Whose commands are taken: those of the user who owns the study's folder, of the user who trains, and of root. The owner
allows a group by giving it the folder of the commands:

    mkdir -p STUDY/commands; chgrp GROUP STUDY/commands; chmod g+w STUDY/commands

From then on the members of GROUP are obeyed, too. All others are not, also where everybody may write.

No file there can harm a training. What is no plain file, is too long, or is somebody else's is set aside, and told
once; so is what is no command. No link is followed.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hptui.errors import ConfigError
from hptui.record.commands import COMMANDS, AnyCommand, decode_command

MOST_BYTES = 1 << 20
"""that a viewer appends between two looks; a command has some hundred"""


@dataclass(frozen=True)
class Unusable:
    """What was found in place of a command."""

    by: str
    """whose it is"""
    reason: str


class CommandInbox:
    """Receives the commands of all viewers that came in since it was made, or since another one was."""

    def __init__(self, study: Path, offsets: Mapping[str, int] | None = None) -> None:
        """`offsets`: of one that was made before, in whatever process."""
        self._study, self._folder = study, study / COMMANDS
        self._offsets: dict[str, int] = dict(offsets or {})
        self._told: set[str] = set()
        """names of files that were told of, so that nobody is told again"""
        self._aside: set[str] = set()
        """names of files that are not looked at any more"""
        for entry in self._entries() if offsets is None else ():
            with suppress(OSError):  # it has gone again
                self._offsets[entry.name] = entry.stat(follow_symlinks=False).st_size

    @property
    def offsets(self) -> dict[str, int]:
        """How far each viewer's file was read: plain data."""
        return dict(self._offsets)

    def receive(self) -> list[AnyCommand | Unusable]:
        """New commands in the order of their times, after what is none; a torn line waits."""
        commands: list[AnyCommand] = []
        unusable: list[Unusable] = []
        for entry in self._entries():
            if entry.name in self._aside:
                continue
            try:
                found = entry.stat(follow_symlinks=False)
                offset = self._offsets.get(entry.name, 0)
                if stat.S_ISREG(found.st_mode) and found.st_size <= offset:
                    continue
                if problem := self._problem(found, offset):
                    self._aside.add(entry.name)
                    unusable.append(_unusable(entry.name, found, f"is set aside: {problem}"))
                    continue
                lines = self._read(Path(entry.path), found, offset)
            except OSError:
                continue  # a viewer's file on a failing disk must not stop a training
            self._decode(entry.name, found, lines, commands, unusable)
        return [*unusable, *sorted(commands, key=lambda command: command.time)]

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            if self._folder.is_symlink():
                return []
            with os.scandir(self._folder) as entries:
                return sorted((one for one in entries if one.name.endswith(".jsonl")), key=lambda one: one.name)
        except OSError:
            return []

    def _problem(self, found: os.stat_result, offset: int) -> str:
        """Why a file is not read; empty if it is."""
        if not stat.S_ISREG(found.st_mode):
            return "it is no plain file"
        if found.st_size - offset > MOST_BYTES:
            return f"it has {found.st_size - offset:,} bytes at once, which no viewer sends"
        return self._distrust(found)

    def _distrust(self, found: os.stat_result) -> str:
        """Why whoever may have written a file is not obeyed; empty if everyone who can is."""
        try:
            study, folder = self._study.stat(), self._folder.stat()
        except OSError:
            return "its folder has gone"
        trusted = {study.st_uid, os.geteuid(), 0}
        shared = folder.st_uid in trusted and bool(folder.st_mode & stat.S_IWGRP)
        if found.st_uid not in trusted and not (shared and _is_member(found.st_uid, folder.st_gid)):
            return "commands are taken from the owner of the study and whom the owner allows (hptui watch --help)"
        if found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and not shared):
            return "others than its owner may write in it"
        return ""

    def _read(self, path: Path, found: os.stat_result, offset: int) -> bytes:
        """Whole new lines; empty if there are none, or the file was replaced since it was looked at."""
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not os.path.samestat(os.fstat(file), found):
                return b""
            lines = os.pread(file, MOST_BYTES, offset).rpartition(b"\n")[0]
        finally:
            os.close(file)
        if lines:
            self._offsets[path.name] = offset + len(lines) + 1
        return lines

    def _decode(
        self,
        name: str,
        found: os.stat_result,
        lines: bytes,
        commands: list[AnyCommand],
        unusable: list[Unusable],
    ) -> None:
        for line in lines.split(b"\n"):
            if not line:
                continue
            try:
                commands.append(decode_command(line))
            except ConfigError as error:
                if name not in self._told:
                    self._told.add(name)
                    unusable.append(_unusable(name, found, f"has a line that is passed over: {error}"))


def _unusable(name: str, found: os.stat_result, problem: str) -> Unusable:
    words = f"{COMMANDS}/{os.fsencode(name).decode('utf-8', 'replace')} {problem}"
    return Unusable(_user(found.st_uid), "".join(sign if sign.isprintable() else "?" for sign in words))


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a container's user may have a number and no name
        return f"user {number}"


def _is_member(user: int, group: int) -> bool:
    """Whether this user is in this group, by number."""
    try:
        account = pwd.getpwuid(user)
        return group in os.getgrouplist(account.pw_name, account.pw_gid)
    except KeyError:
        return False
