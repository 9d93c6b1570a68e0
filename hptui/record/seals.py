"""Seals: what a file says of itself, so that damage, and the file of another run, are told and not used.

PyTorch reads its archives without their checksums; a flipped bit in a checkpoint trains on to another result, one in
a network predicts another class. Every file that a result depends on carries a checksum, and what carries weights,
state or predictions says of which run and step it is:

    .pt, .npz   zip archives, with the seal as the archive's comment; other readers of such files still read them
    .jsonl      "crc" at the end of each line, with the place of the line in the file: where lines are missing, all
                that follow say so, the last one too
    .toml       checksum = "..." as the first line, of all that follows
    .json       "checksum" of the other fields

Files of an older hptui have none. Of their archives the own checksums are checked, the rest is taken as it is.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from hptui.errors import RunDirectoryError
from hptui.opening import open_regular
from hptui.parsing import parse_json, ready

MARK = b"hptui-seal "
DIGEST = 64
"""hexadecimal digits of SHA-256"""
END_OF_ARCHIVE, END_BYTES = b"PK\x05\x06", 22
"""signature and length of a zip archive's last record, whose last two bytes tell the length of the comment after it"""
SEAL_BYTES = 4096
"""more than any seal is long"""
PIECE = 1 << 20
CRC = b',"crc":"'
LINE_END = b'"}'
MOST_LINE_SEAL = len(CRC) + 8 + len(b"@") + 20 + len(LINE_END)
CHECKSUM = "checksum"
DAMAGED = "its checksum does not fit"


@ready
class Origin(msgspec.Struct, frozen=True):
    """What a file belongs to."""

    study: str
    """the study's id; empty: of no study"""
    arm: str
    seed: int
    step: int
    """batches trained"""
    number: int = 0
    """of a checkpoint: how many of this step were written before it"""

    def fits(self, other: Origin) -> bool:
        """Whether both are of one run, as far as it is known of both."""
        mine, others = (self.study, self.arm, self.seed), (other.study, other.arm, other.seed)
        return mine == others or not self.arm or not other.arm

    def __str__(self) -> str:
        return f"{self.arm}-{self.seed} at step {self.step}"


def seal_archive(file: BinaryIO, origin: Origin) -> None:
    """Give a zip archive, written to its end and open for reading too, its seal.

    Raises:
        ValueError: it is no zip archive, or has a comment already.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - END_BYTES))
    if not _has_no_comment(file.read()):
        raise ValueError("only a zip archive without a comment can be sealed")
    words = MARK + msgspec.json.encode(origin) + b" "
    file.seek(size - 2)
    file.write((len(words) + DIGEST).to_bytes(2, "little"))
    file.write(words)
    file.write(_digest(file, size + len(words)))


def check_archive(path: Path, belongs_to: Origin | None = None) -> Origin | None:
    """Read the whole file, and tell what it belongs to; None if an older hptui wrote it.

    Args:
        path: a .pt or .npz file.
        belongs_to: the run whose file it has to be; without, only damage is told.

    Raises:
        RunDirectoryError: it is damaged, or belongs to another run.
        OSError: it cannot be read at all.
    """
    with open_regular(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - SEAL_BYTES))
        end = file.read()
        if _has_no_comment(end[-END_BYTES:]):
            _check_unsealed(file, path)
            return None
        before, _, seal = end.rpartition(MARK)
        if not before or _digest(file, size - DIGEST) != end[-DIGEST:]:
            raise RunDirectoryError(f"{path} is damaged: {DAMAGED}.")
    try:
        origin: Origin = parse_json(seal[:-DIGEST], Origin)
    except msgspec.DecodeError as error:
        raise RunDirectoryError(f"{path} is damaged: {error}.") from None
    if belongs_to is not None and not origin.fits(belongs_to):
        other = "" if origin.study == belongs_to.study else " of another study"
        raise RunDirectoryError(f"{path} is the file of {origin}{other}, not of {belongs_to.arm}-{belongs_to.seed}.")
    return origin


def stated_origin(path: Path) -> Origin | None:
    """What an archive says that it belongs to, unchecked; None: it has no seal, or is not there."""
    try:
        with open_regular(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - SEAL_BYTES))
            before, _, seal = file.read().rpartition(MARK)
        return msgspec.json.decode(seal[:-DIGEST], type=Origin) if before else None
    except (OSError, ValueError, msgspec.DecodeError):
        return None


def _has_no_comment(end: bytes) -> bool:
    return end.startswith(END_OF_ARCHIVE) and end.endswith(b"\0\0")


def _check_unsealed(file: BinaryIO, path: Path) -> None:
    """Compare the checksums that every zip archive has of its members."""
    try:
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
    except Exception as error:  # of a damaged archive zipfile raises nearly anything
        raise RunDirectoryError(f"{path} is damaged: {str(error) or 'no archive'}.") from None
    if broken is not None:
        raise RunDirectoryError(f"{path} is damaged: {DAMAGED}.")


def _digest(file: BinaryIO, size: int) -> bytes:
    """SHA-256 of the first bytes of a file, as text; the position is after them then."""
    file.seek(0)
    digest = hashlib.sha256()
    while size > 0:
        piece = file.read(min(PIECE, size))
        if not piece:
            break
        digest.update(piece)
        size -= len(piece)
    return digest.hexdigest().encode()


def seal_line(line: bytes, at: int | None = None) -> bytes:
    """A JSON object on one line, with its checksum as the last field.

    Args:
        line: without a line break.
        at: byte of the file at which it begins, which the checksum covers too; None: it may stand anywhere.
    """
    place = b"@%d" % at if at is not None else b""
    return b"%b%b%08x%b%b" % (line[:-1], CRC, zlib.crc32(place, zlib.crc32(line[:-1])), place, LINE_END)


def _line_seal(line: bytes) -> tuple[int, bytes, bytes]:
    """Length of the line without its seal, the checksum, and the place with its sign; all of no length without one."""
    start = line.rfind(CRC, -MOST_LINE_SEAL)
    if start < 0 or not line.endswith(LINE_END):
        return 0, b"", b""
    seal = line[start + len(CRC) : -len(LINE_END)]
    return start, seal[:8], seal[8:]


def check_line(line: bytes, at: int | None = None) -> None:
    """Look at the checksum of a line, if it has one: every reader does so, with every line.

    Args:
        line: without a line break.
        at: byte of the file at which it begins; None: wherever that is.

    Raises:
        msgspec.DecodeError: the line was changed, or began at another byte when it was written.
    """
    length, checksum, place = _line_seal(line)
    if not length:
        return
    if checksum != b"%08x" % zlib.crc32(place, zlib.crc32(line[:length])):
        raise msgspec.DecodeError(DAMAGED)
    if at is not None and place and place != b"@%d" % at and place[1:].isdigit():
        moved = int(place[1:]) - at
        what = "lines before it are missing" if moved > 0 else "something was put in before it"
        raise msgspec.DecodeError(f"{what}, {abs(moved):,} bytes")


def is_whole(line: bytes, at: int | None = None) -> bool:
    """Whether the line has a checksum, and `check_line` has nothing to say of it."""
    try:
        check_line(line, at)
    except msgspec.DecodeError:
        return False
    return _line_seal(line)[0] > 0


def seal_text(text: str) -> str:
    """A TOML text with its checksum as the first line."""
    return f'{CHECKSUM} = "{_checksum(text.encode())}"\n{text}'


def text_damage(text: str) -> str:
    """Reason why a text is not what `seal_text` gave; empty if it is, or has no checksum."""
    first, _, rest = text.partition("\n")
    if first.startswith(f"{CHECKSUM} = ") and first != f'{CHECKSUM} = "{_checksum(rest.encode())}"':
        return "it was changed or cut short since hptui wrote it"
    return ""


def seal_struct(struct: msgspec.Struct) -> bytes:
    """A struct as JSON with its checksum."""
    plain = msgspec.to_builtins(struct)
    return msgspec.json.format(msgspec.json.encode(plain | {CHECKSUM: _checksum(msgspec.json.encode(plain))})) + b"\n"


def unsealed_struct(content: bytes, check_first: Callable[[Any], object] | None = None) -> Any:
    """The plain data of `seal_struct`.

    Args:
        content: the file.
        check_first: called with the plain data before the checksum is compared; another format may have another one.

    Raises:
        msgspec.DecodeError: it is no JSON, or the checksum does not fit.
    """
    plain = parse_json(content)
    if check_first is not None:
        check_first(plain)
    given = plain.pop(CHECKSUM, None) if isinstance(plain, dict) else None
    if given is not None and given != _checksum_of(plain):
        raise msgspec.DecodeError(DAMAGED)
    return plain


def _checksum_of(plain: Any) -> str:
    """Checksum of plain data; empty of what hptui cannot have written."""
    try:
        return _checksum(msgspec.json.encode(plain))
    except (OverflowError, RecursionError, UnicodeEncodeError):
        return ""


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
