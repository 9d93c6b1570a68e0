"""Files changed at random: their bytes, or what they say, with a checksum that fits."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import msgspec
from mutations import Mutator

from hptui.record.seals import CHECKSUM, Origin, seal_archive, seal_line


def raw(*seeds: bytes) -> Callable[[Mutator], bytes]:
    return lambda mutator: mutator.content(seeds)


def sealed(content: bytes, plain: Callable[[bytes], Any], seal: Callable[[Any], bytes]) -> Callable[[Mutator], bytes]:
    """Bytes of the file changed, or what it says, with a checksum that fits."""

    def change(mutator: Mutator) -> bytes:
        if mutator.coin():
            return mutator.content([content])
        with_seal = plain(content)
        for _ in range(mutator.few()):
            with_seal = mutator.plain(with_seal)
        try:
            return seal(with_seal)
        except (AttributeError, TypeError, ValueError, OverflowError):  # a form that the file cannot have
            return mutator.content([content])

    return change


def resealed(plain: Any) -> bytes:
    """JSON with the checksum that fits, as far as it can have one."""

    if not isinstance(plain, dict):
        return msgspec.json.encode(plain)
    kept = {key: value for key, value in plain.items() if key != CHECKSUM}
    digest = hashlib.sha256(msgspec.json.encode(kept)).hexdigest()
    return msgspec.json.encode(kept | {CHECKSUM: digest})


def changed_log(content: bytes) -> Callable[[Mutator], bytes]:
    """Bytes of the log changed, or one or a few of its facts, or their order, with checksums that fit."""
    facts = [json.loads(line) for line in content.splitlines()]
    facts = [{key: value for key, value in fact.items() if key != "crc"} for fact in facts]

    def change(mutator: Mutator) -> bytes:
        if mutator.coin(0.2):
            return mutator.content([content])
        changed = list(facts)
        for _ in range(mutator.few()):
            index = mutator.index(changed)
            if index is None:
                break
            match mutator.few():
                case 1:
                    changed[index] = mutator.plain(changed[index])
                case 2:
                    del changed[index]
                case _:
                    changed.insert(mutator.index(changed) or 0, changed[index])
        return b"".join(seal_line(json.dumps(fact, separators=(",", ":")).encode()) + b"\n" for fact in changed)

    return change


def changed_archive(content: bytes) -> Callable[[Mutator], bytes]:
    """Bytes of an archive changed, or those of a member, or of its seal with the checksum that fits."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def change(mutator: Mutator) -> bytes:
        if mutator.coin():
            return mutator.content([content])
        made = io.BytesIO()
        changed = list(members)[mutator.index(list(members)) or 0]
        with zipfile.ZipFile(made, "w") as archive:
            for name, member in members.items():
                archive.writestr(name, mutator.content([member]) if name == changed else member)
        if mutator.coin():
            seal_archive(made, Origin("", "optimized", 0, 5))
        return made.getvalue()

    return change
