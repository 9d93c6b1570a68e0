"""Decoded images are kept for the next start, and never taken for those of other files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import pytest
from PIL import Image

from hptui.datasets import DatasetRequest, _decoded_cache, _files
from hptui.datasets._decoded_cache import DecodedCache
from hptui.datasets._files import DecodedFiles, decode_files


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_decoded_cache, "LARGE", 1)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((8, 10), 1000 + number, np.uint16)).save(path)
    return paths


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files whose pixels were decoded since the test began."""
    seen: list[Path] = []
    plain = _files.read_pixels

    def counted(path: Path, *more: Any) -> Any:
        seen.append(path)
        return plain(path, *more)

    monkeypatch.setattr(_files, "read_pixels", counted)
    return seen


def read(files: list[Path], **wishes: Any) -> DecodedFiles:
    return decode_files(files, DatasetRequest(**{"keep_decoded": "large", "image_size": 8, **wishes}))


def folder() -> Path:
    return platformdirs.user_cache_path("hptui") / "decoded"


def test_a_second_start_maps_what_the_first_has_decoded(files: list[Path], decoded: list[Path]) -> None:
    first, second = read(files), read(files)
    assert sorted(decoded) == files
    assert second.pixels.dtype == np.uint16
    assert np.array_equal(first.pixels, second.pixels)
    assert first.notes[:-1] == second.notes != ()
    assert f"are kept in {folder()}" in first.notes[-1]
    assert isinstance(second.pixels.base, np.memmap)
    second.pixels[:] = 0  # copy on write: what is kept stays
    assert np.array_equal(read(files).pixels, first.pixels)


def test_nobody_else_may_read_it(files: list[Path]) -> None:
    read(files)
    assert folder().stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder().glob("*.npy"))


@pytest.mark.parametrize(
    "other", [{"image_size": 9}, {"resize": "pad"}, {"pages": "first"}], ids=["size", "resize", "pages"]
)
def test_what_is_asked_otherwise_is_decoded_anew(files: list[Path], decoded: list[Path], other: dict[str, Any]) -> None:
    read(files)
    decoded.clear()
    read(files, **other)
    assert sorted(decoded) == files


def test_a_file_that_has_changed_is_seen(files: list[Path], decoded: list[Path]) -> None:
    read(files)
    Image.fromarray(np.full((8, 10), 5, np.uint16)).save(files[1])
    facts = files[1].stat()
    os.utime(files[1], ns=(facts.st_atime_ns, facts.st_mtime_ns + 10**6))
    assert read(files).pixels[:, 0, 0, 0].tolist() == [1000, 5, 1002]
    assert read(files[::-1]).pixels[:, 0, 0, 0].tolist() == [1002, 5, 1000]
    assert read(files[:2]).pixels[:, 0, 0, 0].tolist() == [1000, 5]


@pytest.mark.parametrize("damage", ["torn", "no array", "no notes", "other notes"])
def test_what_is_damaged_is_decoded_anew(files: list[Path], decoded: list[Path], damage: str) -> None:
    read(files)
    decoded.clear()
    (pixels,), (notes,) = folder().glob("*.npy"), folder().glob("*.json")
    if damage == "torn":
        pixels.write_bytes(pixels.read_bytes()[:200])
    elif damage == "no array":
        pixels.write_bytes(b"hello")
    elif damage == "no notes":
        notes.unlink()
    else:
        notes.write_text("{", "utf-8")
    assert read(files).pixels[:, 0, 0, 0].tolist() == [1000, 1001, 1002]
    assert sorted(decoded) == files


def test_small_data_sets_and_those_who_do_not_want_it_leave_nothing(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read(files, keep_decoded="never")
    monkeypatch.setattr(_decoded_cache, "LARGE", 1 << 20)
    assert read(files).notes == read(files, keep_decoded="never").notes
    assert not folder().exists()


def test_a_cache_that_cannot_be_written_changes_nothing(files: list[Path]) -> None:
    folder().parent.mkdir(parents=True)
    folder().write_text("a file", "utf-8")
    assert read(files).pixels[:, 0, 0, 0].tolist() == [1000, 1001, 1002]
    assert read(files).notes == read(files, keep_decoded="never").notes


def test_what_was_used_longest_ago_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = DecodedCache(tmp_path)
    monkeypatch.setattr(_decoded_cache, "MOST", 3000)
    for age, key in enumerate(("newest", "older", "oldest")):
        assert cache.save(key, np.zeros((1, 1, 20, 40), np.uint8), [])
        os.utime(tmp_path / f"{key}.npy", (1000 - age, 1000 - age))
    (tmp_path / "notes.txt").write_text("the user's own", "utf-8")
    abandoned, written = tmp_path / ".a.1.partial", tmp_path / ".b.2.partial"
    abandoned.touch()
    written.touch()
    os.utime(abandoned, (1000, 1000))  # by a start that was killed
    cache.load("oldest")  # used just now
    cache.save("next", np.zeros((1, 1, 20, 40), np.uint8), [])
    assert {path.name for path in tmp_path.glob("*.npy")} == {"newest.npy", "oldest.npy", "next.npy"}
    assert (tmp_path / "notes.txt").exists()
    assert not abandoned.exists()
    assert written.exists()
