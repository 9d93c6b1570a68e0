"""Decoded images are kept for the next start, and never taken for those of other files."""

from __future__ import annotations

import errno
import os
from mmap import mmap
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import platformdirs
import pydicom
import pytest
from deep_files import write_dicom
from PIL import Image

from hptui import headway
from hptui.datasets import DatasetRequest, ImageDataset, Keys, _decoded_cache, _files, _pixel_file
from hptui.datasets._decoded_cache import DecodedCache, Kept
from hptui.datasets._duplicates import keys_of
from hptui.datasets._files import DecodedFiles, decode_files
from hptui.datasets._image_header import ImageHeader
from hptui.datasets._pixel_file import PixelFile
from hptui.datasets._spec import request_dataset
from hptui.errors import DatasetError
from hptui.headway import CalledOffError, listening


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
    assert isinstance(first.pixels.base, mmap)
    assert isinstance(second.pixels.base, mmap)
    assert np.array_equal(first.keys, second.keys)
    assert np.array_equal(first.keys, keys_of(np.array(first.pixels)))
    second.pixels[:] = 0  # copy on write: what is kept stays
    assert np.array_equal(read(files).pixels, first.pixels)


@pytest.mark.parametrize("kind", ["folder", "table"])
@pytest.mark.parametrize("pattern", [None, "dicom"])
def test_a_second_start_opens_no_file_for_what_headers_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, pattern: str | None
) -> None:
    """Whom the files are of, and what tells classes apart, was read with them."""
    for number in range(12):
        values = np.random.default_rng(number).integers(0, 400, (8 + number % 2, 8), dtype=np.uint16)
        write_dicom(tmp_path / "ab"[number % 2] / f"IM{number}", values, PatientID=f"P{number // 3}")
    rows = [f"{'ab'[number % 2]}/IM{number},{'ab'[number % 2]}" for number in range(12)]
    (tmp_path / "labels.csv").write_text("\n".join(["image,label", *rows]))
    spec = f"table:{tmp_path / 'labels.csv'}" if kind == "table" else f"folder:{tmp_path}"

    def start() -> ImageDataset:
        wishes: Any = {"keep_decoded": "large", "group_pattern": pattern}
        return request_dataset(spec, data_dir=None, image_size=8, split_seed=0, **wishes)

    first = start()
    read: list[Any] = []
    whole = pydicom.dcmread
    monkeypatch.setattr(pydicom, "dcmread", lambda *given, **more: read.append(given) or whole(*given, **more))
    second = start()
    assert read == []
    of_both = [[note for note in one.notes if "are kept in" not in note] for one in (first, second)]
    assert of_both[0] == of_both[1]
    assert any("8 x 8 pixels, and of no other class" in note for note in second.notes)
    assert any("name 4 patients (PatientID)" in note for note in second.notes) is (pattern is None)
    assert (second.train.groups is not None) is (pattern is not None)


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


@pytest.mark.parametrize("damage", ["torn", "no array", "no notes", "other notes", "no keys", "other keys"])
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
    elif damage == "no keys":
        notes.with_suffix(".keys").unlink()
    elif damage == "other keys":
        notes.with_suffix(".keys").write_bytes(b"hello")
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


def fill(cache: DecodedCache, key: str) -> Kept | None:
    def decode(file: PixelFile) -> tuple[Keys, list[ImageHeader], list[str]]:
        file.write(0, np.zeros((1, 20, 40), np.uint8))
        return np.zeros(1, np.uint64), [ImageHeader("uint8", 1, 20, 40)], []

    return cache.fill(key, (1, 1, 20, 40), "uint8", decode)


def test_what_was_used_longest_ago_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = DecodedCache(tmp_path)
    monkeypatch.setattr(_decoded_cache, "MOST", 3000)
    for age, key in enumerate(("newest", "older", "oldest")):
        assert fill(cache, key) is not None
        os.utime(tmp_path / f"{key}.npy", (1000 - age, 1000 - age))
    (tmp_path / "notes.txt").write_text("the user's own", "utf-8")
    (tmp_path / ".a.partial").touch()  # of a start that was killed
    cache.load("oldest")  # used just now
    with PixelFile(tmp_path / ".b.partial"):
        assert fill(cache, "next") is not None
        assert (tmp_path / ".b.partial").exists()
    assert {path.name for path in tmp_path.glob("*.npy")} == {"newest.npy", "oldest.npy", "next.npy"}
    assert {path.name for path in tmp_path.glob("*.keys")} == {"newest.keys", "oldest.keys", "next.keys"}
    assert (tmp_path / "notes.txt").exists()
    assert list(tmp_path.glob(".*.partial")) == []


def test_a_set_that_is_larger_than_all_that_is_kept_is_kept_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = DecodedCache(tmp_path)
    assert fill(cache, "before") is not None
    monkeypatch.setattr(_decoded_cache, "MOST", 100)
    assert fill(cache, "large") is not None
    assert [path.name for path in tmp_path.glob("*.npy")] == ["large.npy"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DatasetError("damaged"), CalledOffError("enough")])
def test_what_is_broken_off_leaves_nothing(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    plain = _files.read_pixels

    def broken(path: Path, *more: Any) -> Any:
        if path == files[2]:
            raise error
        return plain(path, *more)

    with monkeypatch.context() as patched:
        patched.setattr(_files, "read_pixels", broken)
        with pytest.raises(type(error)):
            read(files)
    assert list(folder().iterdir()) == []
    assert read(files).pixels[:, 0, 0, 0].tolist() == [1000, 1001, 1002]


def test_a_disk_that_becomes_full_meanwhile_changes_nothing(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(_pixel_file.os, "pwrite", full)
    assert read(files).pixels[:, 0, 0, 0].tolist() == [1000, 1001, 1002]
    assert list(folder().iterdir()) == []


def test_what_another_process_decodes_is_waited_for(files: list[Path], decoded: list[Path]) -> None:
    cache, heard = DecodedCache(), []
    key = cache.key(files, _files._wishes(DatasetRequest(image_size=8)))
    folder().mkdir(parents=True)
    other = PixelFile(folder() / f".{key}.partial")

    def listener(words: str) -> None:
        if words.startswith("waiting for another"):
            heard.append(words)
            finish()

    def finish() -> None:
        other.claim((3, 1, 8, 8), "uint16")
        for index in range(3):
            other.write(index, np.full((1, 8, 8), 7 + index, np.uint16))
        with (folder() / f"{key}.keys").open("wb") as keys:
            np.save(keys, np.arange(3, dtype=np.uint64))
        header = ImageHeader("uint16", 1, 8, 10)
        (folder() / f"{key}.json").write_bytes(msgspec.json.encode(_decoded_cache._Facts([], [header], [0, 0, 0])))
        other.publish(folder() / f"{key}.npy")
        other.__exit__(None, None, None)

    other.__enter__()
    with listening(listener):
        assert read(files).pixels[:, 0, 0, 0].tolist() == [7, 8, 9]
    assert (len(heard), decoded) == (1, [])


def test_a_listener_hears_how_far_it_is_and_calls_it_off(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headway, "EVERY_SECONDS", 0)
    monkeypatch.setattr(_files, "_TURN", 1)
    heard: list[str] = []
    with listening(heard.append):
        read(files)
    assert heard == [f"looking at {number} of 3 image files" for number in (1, 2, 3)] + [
        f"decoding {number} of 3 images" for number in (1, 2, 3)
    ]

    def enough(words: str) -> None:
        if words.startswith("decoding"):
            raise CalledOffError("enough")

    with listening(enough), pytest.raises(CalledOffError):
        read(files, image_size=9)
    assert len(list(folder().glob("*.npy"))) == 1
    assert list(folder().glob(".*")) == []


def test_more_than_main_memory_holds_is_refused_where_it_may_not_lie_on_the_disk(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_files, "free_memory", lambda: 100)
    with pytest.raises(DatasetError, match="--keep-decoded large"):
        read(files, keep_decoded="never")
    assert len(read(files).pixels) == 3


def test_all_of_it_is_told_and_removed_but_what_is_decoded_now(files: list[Path]) -> None:
    cache = DecodedCache()
    assert (cache.size(), cache.clear()) == (0, 0)
    kept = read(files)
    (folder() / "mine.npy").write_bytes(b"the user's own")
    assert cache.size() > kept.pixels.nbytes
    with PixelFile(folder() / f".{'a' * 64}.partial"):
        assert cache.clear() > kept.pixels.nbytes
        assert {path.name for path in folder().iterdir()} == {"mine.npy", f".{'a' * 64}.partial"}
    assert kept.pixels[:, 0, 0, 0].tolist() == [1000, 1001, 1002]  # whoever has it mapped keeps it
