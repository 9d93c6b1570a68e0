"""MNIST: 70,000 handwritten digits, 28 x 28 grey (LeCun, Cortes and Burges; CC BY-SA 3.0)."""

from __future__ import annotations

from hptui.datasets import DatasetRequest, ImageDataset
from hptui.datasets._idx import IdxFile, IdxSource, load_idx_dataset

__all__ = ["mnist"]

TRAINING_IMAGES = 55_000
"""of an epoch, where no size is set: what a plan counts on before the data are read"""

_SOURCE = IdxSource(
    name="mnist",
    title="MNIST",
    folder="MNIST",
    class_names=tuple("0123456789"),
    train_images=IdxFile(
        "train-images-idx3-ubyte",
        (60000, 28, 28),
        md5="f68b3c2dcbeaaa9fbdd348bbdeb94873",
        unpacked_md5="6bbc9ace898e44ae57da46a324031adb",
    ),
    train_labels=IdxFile(
        "train-labels-idx1-ubyte",
        (60000,),
        md5="d53e105ee54ea40749a09fcbcd1e9432",
        unpacked_md5="a25bea736e30d166cdddb491f175f624",
    ),
    test_images=IdxFile(
        "t10k-images-idx3-ubyte",
        (10000, 28, 28),
        md5="9fb629c4189551a2d022fa330f9573f3",
        unpacked_md5="2646ac647ad5339dbf082846283269ea",
    ),
    test_labels=IdxFile(
        "t10k-labels-idx1-ubyte",
        (10000,),
        md5="ec29112dd5afa0611ce80d1b7f02629c",
        unpacked_md5="27ae3e4e09519cfbb04c329615203637",
    ),
)


def mnist(request: DatasetRequest) -> ImageDataset:
    """60,000 images to train with, 10,000 to test with; downloaded when they are not in the data folder."""
    return load_idx_dataset(_SOURCE, request)
