"""MNIST-type archives: read packed or unpacked, verified, downloaded only where there are none."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import platformdirs
import pytest

from hptui.datasets import DatasetRequest, fashion_mnist, mnist
from hptui.datasets._idx import IdxFile, IdxSource, load_idx_dataset
from hptui.errors import DatasetError

SHAPES = {
    "train-images-idx3-ubyte": (6, 4, 5),
    "train-labels-idx1-ubyte": (6,),
    "t10k-images-idx3-ubyte": (3, 4, 5),
    "t10k-labels-idx1-ubyte": (3,),
}


def content(name: str) -> bytes:
    """A small idx file: pixels count up, labels alternate between 0 and 1."""
    shape = SHAPES[name]
    count = int(np.prod(shape))
    values = np.arange(count) % (2 if len(shape) == 1 else 256)
    return bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes() + values.astype(np.uint8).tobytes()


def packed(name: str) -> bytes:
    return gzip.compress(content(name), mtime=0)


@pytest.fixture
def source() -> IdxSource:
    """MNIST in small: the same file names, other shapes and checksums."""
    files = [
        IdxFile(name, shape, hashlib.md5(packed(name)).hexdigest(), hashlib.md5(content(name)).hexdigest())
        for name, shape in SHAPES.items()
    ]
    return IdxSource("mnist", "MNIST", "MNIST", ("a", "b"), *files)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """MNIST/raw with the four small archives."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in SHAPES:
        (folder / f"{name}.gz").write_bytes(packed(name))
    return folder


@pytest.fixture
def cache() -> Path:
    """Where downloads go; conftest.py makes it a folder of the test's own."""
    return platformdirs.user_cache_path("hptui") / "datasets"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The download of torchvision fails as it does offline; the list names the data sets that were tried."""
    import torchvision.datasets

    tried: list[str] = []

    def fail(self: object) -> None:
        tried.append(type(self).__name__)
        raise RuntimeError(f"Error downloading:\nTried https://mirror, got:\n{URLError('no route')}\n")

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", fail)
    return tried


def unpack(raw: Path) -> None:
    for name in SHAPES:
        (raw / f"{name}.gz").unlink()
        (raw / name).write_bytes(content(name))


@pytest.mark.parametrize("below", ["", "MNIST", "MNIST/raw"])
@pytest.mark.parametrize("form", ["packed", "unpacked"])
def test_archives_are_found_and_read_wherever_they_lie(source: IdxSource, raw: Path, below: str, form: str) -> None:
    if form == "unpacked":
        unpack(raw)
    before = sorted(raw.rglob("*"))
    dataset = load_idx_dataset(source, DatasetRequest(data_dir=raw.parents[1] / below))
    assert dataset.name == "MNIST"
    assert dataset.class_names == ("a", "b")
    assert dataset.validation is None
    assert dataset.train.pixels.tolist() == np.arange(120).reshape(6, 1, 4, 5).tolist()
    assert dataset.test.pixels.tolist() == np.arange(60).reshape(3, 1, 4, 5).tolist()
    assert dataset.train.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert dataset.train.labels.dtype == np.int64
    assert dataset.train.pixels.flags.writeable
    assert sorted(raw.rglob("*")) == before, "the folder may be read-only"


def test_without_a_data_folder_the_users_cache_is_read(source: IdxSource, raw: Path) -> None:
    import platformdirs

    cache = platformdirs.user_cache_path("hptui") / "datasets" / "MNIST"
    cache.mkdir(parents=True)
    raw.rename(cache / "raw")
    assert len(load_idx_dataset(source, DatasetRequest()).train) == 6


@pytest.mark.parametrize("form", ["packed", "unpacked"])
@pytest.mark.parametrize("harm", ["truncated", "flipped", "empty"])
@pytest.mark.parametrize("name", SHAPES)
def test_a_damaged_file_is_named(source: IdxSource, raw: Path, form: str, harm: str, name: str) -> None:
    if form == "unpacked":
        unpack(raw)
    path = raw / (f"{name}.gz" if form == "packed" else name)
    data = path.read_bytes()
    harmed = {"truncated": data[:-1], "flipped": data[:-1] + bytes([data[-1] ^ 1]), "empty": b""}[harm]
    path.write_bytes(harmed)
    with pytest.raises(DatasetError) as caught:
        load_idx_dataset(source, DatasetRequest(data_dir=raw.parents[1]))
    assert str(caught.value).startswith(f"{path} is damaged or not a file of MNIST")
    assert "Delete it to download it again" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("harmed", "reason"),
    [
        (b"\0\0\x0d\1" + content("train-labels-idx1-ubyte")[4:], "header"),
        (content("t10k-labels-idx1-ubyte"), "header"),
        (content("train-labels-idx1-ubyte")[:-1], "it has 13 bytes, not 14"),
        (content("train-labels-idx1-ubyte") + b"\0", "it has 15 bytes, not 14"),
        (content("train-labels-idx1-ubyte")[:-1] + b"\2", "label 2"),
        (b"", "header"),
    ],
)
def test_files_without_a_published_md5_are_verified_by_structure(
    source: IdxSource, raw: Path, harmed: bytes, reason: str
) -> None:
    unpack(raw)
    (raw / "train-labels-idx1-ubyte").write_bytes(harmed)
    unpinned = replace(source, train_labels=replace(source.train_labels, unpacked_md5=None))
    with pytest.raises(DatasetError, match=reason):
        load_idx_dataset(unpinned, DatasetRequest(data_dir=raw.parents[1]))


def test_an_archive_that_does_not_unpack_is_named(source: IdxSource, raw: Path) -> None:
    harmed = packed("t10k-labels-idx1-ubyte")[:-9]
    (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(harmed)
    published = replace(source.test_labels, md5=hashlib.md5(harmed).hexdigest())
    with pytest.raises(DatasetError, match=r"t10k-labels-idx1-ubyte\.gz is damaged"):
        load_idx_dataset(replace(source, test_labels=published), DatasetRequest(data_dir=raw.parents[1]))


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_offline_one_line_says_what_to_do(cache: Path, no_network: list[str], name: str) -> None:
    load, folder = {
        "mnist": (mnist.mnist, "MNIST"),
        "fashion_mnist": (fashion_mnist.fashion_mnist, "FashionMNIST"),
    }[name]
    with pytest.raises(DatasetError) as caught:
        load(DatasetRequest())
    message = str(caught.value)
    assert no_network == [folder]
    assert "could not be downloaded" in message
    assert "no route" in message
    assert "--dataset digits" in message
    assert "--data-dir" in message
    assert str(cache / folder / "raw") in message
    assert all(f"{file}.gz" in message for file in SHAPES)
    assert "\n" not in message


def test_only_missing_files_are_asked_for(source: IdxSource, raw: Path, no_network: list[str]) -> None:
    (raw / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DatasetError, match=r"put t10k-labels-idx1-ubyte\.gz into"):
        load_idx_dataset(source, DatasetRequest(data_dir=raw.parents[1]))
    assert no_network == []  # a folder that the user names is read, never written
    assert {path.name for path in raw.parents[1].iterdir()} == {"MNIST"}


@pytest.mark.parametrize("error", [URLError("no route"), TimeoutError(), PermissionError(13, "denied")])
def test_whatever_the_download_raises_is_a_dataset_error(
    source: IdxSource, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    import torchvision.datasets

    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(torchvision.datasets, "MNIST", fail)
    with pytest.raises(DatasetError, match=type(error).__name__):
        load_idx_dataset(source, DatasetRequest())


def test_a_cache_that_cannot_be_written_to_is_a_dataset_error(source: IdxSource, cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where a folder is needed")
    with pytest.raises(DatasetError, match="--data-dir"):
        load_idx_dataset(source, DatasetRequest())


def test_a_download_is_read_and_verified(
    source: IdxSource, raw: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torchvision.datasets

    def download(root: Path, train: bool, download: bool) -> None:
        assert (root, train, download) == (cache, True, True)
        (root / "MNIST").mkdir()
        raw.rename(root / "MNIST" / "raw")

    monkeypatch.setattr(torchvision.datasets, "MNIST", download)
    assert len(load_idx_dataset(source, DatasetRequest()).test) == 3


@pytest.mark.parametrize(("module", "folder"), [(mnist, "MNIST"), (fashion_mnist, "FashionMNIST")])
def test_checksums_are_those_of_torchvision(module: object, folder: str) -> None:
    import torchvision.datasets

    source: IdxSource = module._SOURCE  # type: ignore[attr-defined]
    published = getattr(torchvision.datasets, folder)
    assert [(f"{file.name}.gz", file.md5) for file in source.files] == published.resources
    assert source.folder == folder
    assert [file.shape for file in source.files] == [(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)]
    if folder == "FashionMNIST":
        assert list(source.class_names) == published.classes
