"""Fashion-MNIST: 70,000 photographs of clothing, 28 x 28 grey (Xiao et al. 2017; MIT licence)."""

from __future__ import annotations

from hptui.datasets import DatasetRequest, ImageDataset
from hptui.datasets._idx import IdxFile, IdxSource, load_idx_dataset

__all__ = ["fashion_mnist"]

TRAINING_IMAGES = 55_000
"""of an epoch, where no size is set: what a plan counts on before the data are read"""

_SOURCE = IdxSource(
    name="fashion_mnist",
    title="Fashion-MNIST",
    folder="FashionMNIST",
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    train_images=IdxFile("train-images-idx3-ubyte", (60000, 28, 28), md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
    train_labels=IdxFile("train-labels-idx1-ubyte", (60000,), md5="25c81989df183df01b3e8a0aad5dffbe"),
    test_images=IdxFile("t10k-images-idx3-ubyte", (10000, 28, 28), md5="bef4ecab320f06d8554ea6380940ec79"),
    test_labels=IdxFile("t10k-labels-idx1-ubyte", (10000,), md5="bb300cfdad3c16e7a12a480ee83cd310"),
)


def fashion_mnist(request: DatasetRequest) -> ImageDataset:
    """60,000 images to train with, 10,000 to test with; downloaded when they are not in the data folder."""
    return load_idx_dataset(_SOURCE, request)
