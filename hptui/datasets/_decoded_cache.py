"""Decoded images of large data sets in the user's cache: later starts, and several processes, map one file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import platformdirs

import hptui
from hptui.datasets import Pixels
from hptui.opening import read_file

LARGE = 64 << 20
"""bytes of pixels: of fewer, decoding takes about as long as importing torch"""
MOST = 40 << 30
"""bytes of all that is kept; what was used longest ago goes first"""
ABANDONED = 24 * 3600.0
"""seconds after which nobody writes a file any more"""
_FORMAT = 2
"""of decoding: another number where the same files give other pixels than before"""
_NOTE_BYTES = 1 << 20

Kept = tuple[Pixels, tuple[str, ...]]


class DecodedCache:
    """KEY.npy and KEY.json (its notes) in one folder, which nobody else may read: they may be of patients."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder if folder is not None else platformdirs.user_cache_path("hptui") / "decoded"

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
        """Pixels, mapped copy on write, and notes; None where they are not kept, or damaged."""
        pixels_file, notes_file = self._files(key)
        try:
            notes = json.loads(read_file(notes_file, _NOTE_BYTES))
            pixels: Pixels = np.asarray(np.load(pixels_file, mmap_mode="c", allow_pickle=False))
            os.utime(pixels_file)  # it was used
        except (OSError, ValueError, EOFError):
            return None
        return pixels, tuple(map(str, notes))

    def save(self, key: str, pixels: Pixels, notes: Sequence[str]) -> tuple[str, ...]:
        """Keep what is large; a note that says so. A disk that does not take it changes nothing."""
        if pixels.nbytes < LARGE or pixels.nbytes > MOST:
            return ()
        pixels_file, notes_file = self._files(key)
        partial = pixels_file.with_name(f".{key}.{os.getpid()}.partial")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room(pixels.nbytes)
            if shutil.disk_usage(self._folder).free < 2 * pixels.nbytes:
                return ()
            notes_file.write_text(json.dumps(list(notes)), "utf-8")
            with partial.open("wb") as file:
                os.fchmod(file.fileno(), 0o600)
                np.save(file, pixels, allow_pickle=False)
            partial.replace(pixels_file)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            return ()
        return (
            f"decoded images ({pixels.nbytes >> 20:,} MB) are kept in {self._folder} for later starts "
            "(--keep-decoded never)",
        )

    def _files(self, key: str) -> tuple[Path, Path]:
        return self._folder / f"{key}.npy", self._folder / f"{key}.json"

    def _make_room(self, wanted: int) -> None:
        """Remove what was used longest ago, until `wanted` bytes more stay below MOST, and what a killed start left."""
        for path in self._folder.glob(".*.partial"):
            if path.stat().st_mtime < time.time() - ABANDONED:
                path.unlink(missing_ok=True)
        kept = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in self._folder.glob("*.npy"))
        total = sum(size for _, size, _ in kept)
        for _, size, path in kept:
            if total + wanted <= MOST:
                break
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)
            total -= size
