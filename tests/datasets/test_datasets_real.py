"""The real archives of MNIST and PneumoniaMNIST."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from hptui.datasets import DatasetRequest
from hptui.datasets._prepare import prepare
from hptui.datasets._spec import request_dataset
from hptui.datasets.mnist import mnist
from hptui.errors import DatasetError

pytestmark = pytest.mark.real_data

TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_mnist_is_complete(real_data: Path) -> None:
    before = sorted(path.name for path in (real_data / "MNIST").rglob("*"))
    dataset = request_dataset("mnist", data_dir=real_data, image_size=None, split_seed=0)
    assert (dataset.name, dataset.validation) == ("MNIST", None)
    assert dataset.train.pixels.shape == (60000, 1, 28, 28)
    assert dataset.test.pixels.shape == (10000, 1, 28, 28)
    assert np.bincount(dataset.train.labels).tolist() == TRAIN_COUNTS
    assert np.bincount(dataset.test.labels).tolist() == TEST_COUNTS
    assert dataset.train.pixels.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert dataset.train.pixels.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    assert sorted(path.name for path in (real_data / "MNIST").rglob("*")) == before

    prepared = prepare(dataset, train_size=10000, validation_size=None, split_seed=0)
    assert (len(prepared.train), len(prepared.validation or []), len(prepared.test)) == (10000, 5000, 10000)
    share = np.bincount(prepared.train.labels) - np.array(TRAIN_COUNTS) / 6
    assert (np.abs(share) < 1.1).all()


def test_unpacked_mnist_is_the_same(real_data: Path, tmp_path: Path) -> None:
    for archive in (real_data / "MNIST" / "raw").glob("t*.gz"):
        with gzip.open(archive) as packed, (tmp_path / archive.stem).open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    assert np.bincount(mnist(DatasetRequest(data_dir=tmp_path)).train.labels).tolist() == TRAIN_COUNTS
    labels = tmp_path / "train-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    content[-1] = (content[-1] + 1) % 10  # a valid label, but not the published one
    labels.write_bytes(content)
    with pytest.raises(DatasetError, match="train-labels-idx1-ubyte is damaged"):
        mnist(DatasetRequest(data_dir=tmp_path))


def test_a_truncated_mnist_archive_is_named(real_data: Path, tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    shutil.copytree(real_data / "MNIST" / "raw", raw)
    images = raw / "t10k-images-idx3-ubyte.gz"
    images.chmod(0o644)
    images.write_bytes(images.read_bytes()[:-1000])
    with pytest.raises(DatasetError, match=r"t10k-images-idx3-ubyte\.gz is damaged"):
        mnist(DatasetRequest(data_dir=tmp_path))


def test_pneumoniamnist_keeps_the_publishers_split(real_data: Path) -> None:
    dataset = request_dataset("medmnist:pneumoniamnist.npz", data_dir=real_data, image_size=None, split_seed=0)
    assert dataset.name == "pneumoniamnist"
    assert dataset.class_names == ("normal", "pneumonia")
    assert dataset.validation is not None
    assert dataset.train.pixels.shape == (4708, 1, 28, 28)
    assert np.bincount(dataset.train.labels).tolist() == [1214, 3494]
    assert np.bincount(dataset.validation.labels).tolist() == [135, 389]
    assert np.bincount(dataset.test.labels).tolist() == [234, 390]
    prepared = prepare(dataset, train_size=1000, validation_size=None, split_seed=0)
    assert np.bincount(prepared.train.labels).tolist() == [258, 742]
    assert len(prepared.validation or []) == 524
