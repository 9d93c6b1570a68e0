"""What several tests share: where the real image archives are, and isolation from the user's own folders."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GPUS = os.environ.get("CUDA_VISIBLE_DEVICES")
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # equal bits are promised on the CPU alone; test_gpu.py sets it back
REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def gpu_environment() -> dict[str, str]:
    """The environment of a process that may see the GPUs of this machine."""
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    if GPUS is not None:
        environment["CUDA_VISIBLE_DEVICES"] = GPUS
    if shutil.which("nvidia-smi") is None:
        pytest.skip("no GPU on this machine: there is no nvidia-smi")
    look = "import torch, sys; sys.exit(not torch.cuda.is_available())"
    if subprocess.run([sys.executable, "-c", look], env=environment, check=False).returncode:
        pytest.skip("torch sees no GPU on this machine")
    return environment


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with MNIST/raw/*.gz and MedMNIST/pneumoniamnist.npz; HPTUI_TEST_DATA names another one."""
    folder = Path(os.environ.get("HPTUI_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "MNIST" / "raw" / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip(f"no real MNIST archives under {folder}; set HPTUI_TEST_DATA to the folder that has MNIST/raw")
    return folder


@pytest.fixture(autouse=True)
def own_user_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing a test does may read or write the developer's own cache, studies or settings."""
    home = tmp_path_factory.mktemp("home")
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(variable, str(home))
    for variable in [name for name in os.environ if name.startswith("HPTUI_") and name != "HPTUI_TEST_DATA"]:
        monkeypatch.delenv(variable)
