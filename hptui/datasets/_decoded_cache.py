"""Decoded images of large data sets in the user's cache: later starts, and several processes, map one file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import platformdirs

import hptui
from hptui.datasets import Keys, Pixels
from hptui.datasets._image_header import ImageHeader
from hptui.datasets._pixel_file import PixelFile, is_abandoned, mapped
from hptui.opening import open_regular, read_file
from hptui.parsing import parse_json, ready
from hptui.record.files import replace_file, replacing

LARGE = 64 << 20
"""bytes of pixels: of fewer, decoding takes about as long as importing torch"""
MOST = 40 << 30
"""bytes of all that is kept, unless a single set is larger; what was used longest ago goes first"""
_FORMAT = 4
"""of decoding: another number where the same files give other pixels than before, or more is kept of them"""
_FACT_BYTES = 1 << 30
_KEY = re.compile(r"\.?[0-9a-f]{64}\.")
_SUFFIXES = (".npy", ".keys", ".json")
"""of pixels, of what tells equal images, and of headers and notes"""

Kept = tuple[Pixels, Keys, tuple[ImageHeader, ...], tuple[str, ...]]
Decode = Callable[[PixelFile], tuple[Keys, Sequence[ImageHeader], Sequence[str]]]


@ready
class _Facts(msgspec.Struct):
    """What is kept of the files beside their pixels; few headers are different."""

    notes: list[str]
    headers: list[ImageHeader]
    header_of: list[int]
    """(N,) which one each file has"""

    @classmethod
    def of(cls, headers: Sequence[ImageHeader], notes: Sequence[str]) -> _Facts:
        places = {header: place for place, header in enumerate(dict.fromkeys(headers))}
        return cls(list(notes), list(places), [places[header] for header in headers])


class DecodedCache:
    """KEY.npy, KEY.keys and KEY.json in one folder, which nobody else may read: they may be of patients."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else platformdirs.user_cache_path("hptui") / "decoded"

    def key(self, paths: Sequence[Path], wishes: Sequence[object]) -> str:
        """What decoding depends on: place, size and time of every file, and what was asked for."""
        digest = hashlib.sha256(json.dumps([_FORMAT, hptui.__version__, *wishes]).encode())
        for path in paths:
            with contextlib.suppress(OSError):  # decoding will say that it cannot be read
                facts = path.stat()
                digest.update(f"{facts.st_size} {facts.st_mtime_ns} ".encode())
            digest.update(os.fsencode(path.absolute()) + b"\0")
        return digest.hexdigest()

    def load(self, key: str) -> Kept | None:
        """Pixels, mapped copy on write, keys, headers and notes; None where they are not kept, or damaged."""
        pixels_file, keys_file, facts_file = self._files(key)
        try:
            facts = parse_json(read_file(facts_file, _FACT_BYTES), _Facts)
            headers = tuple(facts.headers[place] for place in facts.header_of)
            with open_regular(keys_file) as file:
                keys: Keys = np.load(file, allow_pickle=False)
            pixels = mapped(pixels_file)
            if keys.shape != pixels.shape[:1] or keys.dtype != np.uint64 or len(headers) != len(keys):
                return None
            os.utime(pixels_file)  # it was used
        except (OSError, ValueError, TypeError, EOFError, IndexError):
            return None
        return pixels, keys, headers, tuple(facts.notes)

    def fill(self, key: str, shape: tuple[int, ...], depth: str, decode: Decode) -> Kept | None:
        """Have images decoded into a file, and map it; None where none can be kept, because there is no room for it.

        What is broken off leaves nothing behind. If another process decodes the same images, it is waited for.

        Args:
            key: see `key`.
            shape: (N, C, H, W)
            depth: of the pixels.
            decode: puts every image into its place, and returns keys, headers and notes.
        """
        pixels_file, keys_file, facts_file = self._files(key)
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(depth).itemsize
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with PixelFile(self._partial(key)) as file:
                if (kept := self.load(key)) is not None:  # by the process that was waited for
                    return kept
                self._make_room(size)
                if shutil.disk_usage(self.folder).free < 2 * size:
                    return None
                file.claim(shape, depth)
                keys, headers, notes = decode(file)
                told = (*notes, self._note(size))
                with replacing(keys_file) as beside:
                    np.save(beside, keys, allow_pickle=False)
                replace_file(facts_file, msgspec.json.encode(_Facts.of(headers, notes)))
                file.publish(pixels_file)  # last: now all is there
        except OSError:  # the disk; of images that cannot be read, decoding makes its own errors
            return None
        kept = self.load(key)
        return None if kept is None else (*kept[:3], told)

    def size(self) -> int:
        """Bytes of all that is kept, and of what is being decoded."""
        return sum(path.stat().st_size for path in self._all())

    def clear(self) -> int:
        """Remove all but what is being decoded now, and say how many bytes that were.

        Whoever has mapped a file keeps what is in it until it is let go.
        """
        removed = 0
        for path in self._all():
            if path.suffix == ".partial" and not is_abandoned(path):
                continue
            removed += path.stat().st_size
            path.unlink(missing_ok=True)
        return removed

    def _all(self) -> list[Path]:
        """Files of this cache, and no others that somebody may have put there."""
        ours = [path for suffix in (*_SUFFIXES, ".partial") for path in self.folder.glob(f"*{suffix}")]
        return [path for path in ours if _KEY.match(path.name) and not path.is_symlink()]

    def _note(self, size: int) -> str:
        return f"decoded images ({size >> 20:,} MB) are kept in {self.folder} for later starts (--keep-decoded never)"

    def _files(self, key: str) -> tuple[Path, Path, Path]:
        pixels, keys, facts = (self.folder / f"{key}{suffix}" for suffix in _SUFFIXES)
        return pixels, keys, facts

    def _partial(self, key: str) -> Path:
        return self.folder / f".{key}.partial"

    def _make_room(self, wanted: int) -> None:
        """Remove what was used longest ago, until `wanted` bytes more stay below MOST, and what a killed start left."""
        for path in self.folder.glob(".*.partial"):
            if is_abandoned(path):
                path.unlink(missing_ok=True)
        kept = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in self.folder.glob("*.npy"))
        total = sum(size for _, size, _ in kept)
        for _, size, path in kept:
            if total + wanted <= MOST:
                break
            for suffix in _SUFFIXES:
                path.with_suffix(suffix).unlink(missing_ok=True)
            total -= size
