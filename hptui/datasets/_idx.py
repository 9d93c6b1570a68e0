"""Read the idx archives of MNIST and its look-alikes as they are published, without unpacking them to disk.

An idx file is: two zero bytes, 8 (unsigned bytes), the number of dimensions, each dimension as a big-endian
32-bit integer, then the values.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hptui.datasets import DatasetRequest, ImageDataset, Images, Labels, Pixels
from hptui.datasets._request import data_folder, one_line, refuse_argument
from hptui.errors import DatasetError


@dataclass(frozen=True)
class IdxFile:
    """One published file."""

    name: str
    """without .gz"""
    shape: tuple[int, ...]
    md5: str
    """of the .gz archive; the same as in torchvision, copied because importing torchvision takes seconds"""
    unpacked_md5: str | None = None
    """of the content; None: the publisher gives none, so only header and length are verified"""


@dataclass(frozen=True)
class IdxSource:
    """A data set made of four idx files."""

    name: str
    """as the user types it"""
    title: str
    folder: str
    """sub-folder of the data folder, and the class in torchvision.datasets that downloads it"""
    class_names: tuple[str, ...]
    train_images: IdxFile
    train_labels: IdxFile
    test_images: IdxFile
    test_labels: IdxFile

    @property
    def files(self) -> tuple[IdxFile, IdxFile, IdxFile, IdxFile]:
        return self.train_images, self.train_labels, self.test_images, self.test_labels


def load_idx_dataset(source: IdxSource, request: DatasetRequest) -> ImageDataset:
    """Read the four files: from --data-dir, or from the user's cache after a download if they are not there yet.

    Raises:
        DatasetError: a file is damaged or missing, or they cannot be downloaded.
    """
    refuse_argument(source.name, request)
    root = data_folder(request)
    folder = _find(source, root)
    if folder is None and request.data_dir is not None:  # a folder that the user names is read, never written
        raise _absent(source, root, f"is not in {root}", "leave out --data-dir to download it; ")
    folder = folder or _download(source, root)
    return ImageDataset(
        name=source.title,
        class_names=source.class_names,
        train=_read_split(source, folder, source.train_images, source.train_labels),
        test=_read_split(source, folder, source.test_images, source.test_labels),
        published=True,
    )


def _find(source: IdxSource, root: Path) -> Path | None:
    """The first folder that holds all four files, packed or not."""
    for folder in (root / source.folder / "raw", root / "raw", root):
        if not _missing(source, folder):
            return folder
    return None


def _missing(source: IdxSource, folder: Path) -> list[str]:
    return [
        f"{file.name}.gz"
        for file in source.files
        if not _is_file(folder / f"{file.name}.gz") and not _is_file(folder / file.name)
    ]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered
        return False


def _download(source: IdxSource, root: Path) -> Path:
    """Let torchvision fetch the archives (mirrors, checksums, a progress bar); the folder they lie in."""
    folder = root / source.folder / "raw"
    try:
        from filelock import FileLock

        root.mkdir(parents=True, exist_ok=True)
        # Two studies may start at once: the first one downloads, the other waits and finds the files.
        with FileLock(root / f".{source.folder}.lock"):
            if _missing(source, folder):
                import torchvision.datasets

                getattr(torchvision.datasets, source.folder)(root=root, train=True, download=True)
        if missing := _missing(source, folder):
            raise FileNotFoundError(f"{', '.join(missing)} still missing")
    except Exception as error:  # whatever network, file system, or a missing certificate store come up with
        raise _absent(source, root, f"could not be downloaded ({one_line(error, 80)})") from error
    return folder


def _absent(source: IdxSource, root: Path, what: str, hint: str = "") -> DatasetError:
    folder = root / source.folder / "raw"
    return DatasetError(
        f"{source.title} {what}: {hint}put {', '.join(_missing(source, folder))} into {folder}, or name the folder "
        f"that has {source.folder}/raw with --data-dir, or use --dataset digits, which needs no network."
    )


def _read_split(source: IdxSource, folder: Path, images: IdxFile, labels: IdxFile) -> Images:
    pixels: Pixels = _read(source, folder, images)[:, np.newaxis]  # (N, 1, H, W)
    targets: Labels = _read(source, folder, labels).astype(np.int64)
    if targets.max() >= len(source.class_names):
        raise _damaged(source, folder / labels.name, f"it has a label {targets.max()}")
    return Images(pixels, targets)


def _read(source: IdxSource, folder: Path, file: IdxFile) -> Pixels:
    """Values of one file, of `file.shape`; the archive is preferred, because its MD5 is published."""
    archive = folder / f"{file.name}.gz"
    packed = archive.is_file()
    path = archive if packed else folder / file.name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({one_line(error)}).") from error
    expected = file.md5 if packed else file.unpacked_md5
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if expected is not None and digest != expected:
        raise _damaged(source, path, f"its MD5 is {digest}, the publisher's is {expected}")
    if packed:
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged(source, path, one_line(error)) from error
    header = bytes([0, 0, 8, len(file.shape)]) + np.array(file.shape, ">u4").tobytes()
    if content[: len(header)] != header:
        raise _damaged(source, path, f"its header is not that of {file.shape} bytes")
    if len(content) != len(header) + math.prod(file.shape):
        raise _damaged(source, path, f"it has {len(content)} bytes, not {len(header) + math.prod(file.shape)}")
    # Copied, because torch refuses to wrap memory that cannot be written to.
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(file.shape).copy()


def _damaged(source: IdxSource, path: Path, reason: str) -> DatasetError:
    return DatasetError(
        f"{path} is damaged or not a file of {source.title} ({reason}). Delete it to download it again, "
        f"or name another folder with --data-dir."
    )
