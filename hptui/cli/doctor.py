"""What a machine has, as far as it matters to hptui."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs
import psutil

import hptui
from hptui.datasets._decoded_cache import MOST, DecodedCache
from hptui.record.sizes import in_bytes
from hptui.record.study_folders import studies_folder

PACKAGES = (
    *("torch", "torchvision", "numpy", "scipy", "scikit-learn"),
    *("rich", "textual", "plotext", "matplotlib", "msgspec"),
)
ARCHIVES = {
    "mnist": ("MNIST", "train-images-idx3-ubyte.gz"),
    "fashion_mnist": ("FashionMNIST", "train-images-idx3-ubyte.gz"),
}


def examine(devices: list[str], data_dir: Path | None) -> dict[str, str]:
    """Findings by name, in the order they are shown."""
    findings = {"hptui": hptui.__version__, "python": f"{platform.python_version()} ({sys.executable})"}
    findings |= {package: _version(package) for package in PACKAGES}
    findings["devices"] = ", ".join(devices)
    memory = psutil.virtual_memory()
    findings["memory"] = f"{memory.available / 2**30:.1f} GiB free of {memory.total / 2**30:.1f} GiB"
    cache = platformdirs.user_cache_path("hptui") / "datasets"
    for name, (folder, file) in ARCHIVES.items():
        findings[f"data {name}"] = _archive(folder, file, data_dir or cache)
    findings["data digits"] = "included"
    findings["studies"] = _directory(studies_folder())
    findings["cache"] = _directory(cache)
    findings["decoded images"] = _decoded_images()
    findings["terminal"] = _terminal()
    return findings


def _decoded_images() -> str:
    """How much the cache of decoded images holds."""
    cache = DecodedCache()
    return f"{in_bytes(cache.size())} of at most {in_bytes(MOST)} in {cache.folder} (hptui clean --decoded)"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _archive(folder: str, file: str, root: Path) -> str:
    folders = (root / folder / "raw", root / "raw", root)
    there = next((path for path in folders if (path / file).is_file()), None)
    return f"in {there}" if there else f"not in {folders[0]}; downloaded when first used"


def _directory(path: Path) -> str:
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    writable = "writable" if os.access(existing, os.W_OK) else "NOT writable"
    return f"{path} ({writable}, {shutil.disk_usage(existing).free / 2**30:.1f} GiB free)"


def _terminal() -> str:
    size = shutil.get_terminal_size()
    kind = os.environ.get("TERM", "unknown") if sys.stdout.isatty() else "none (output is redirected)"
    colour = "no colour (NO_COLOR)" if os.environ.get("NO_COLOR") else os.environ.get("COLORTERM") or "default colours"
    return f"{kind}, {size.columns}x{size.lines}, {sys.stdout.encoding}, {colour}"
