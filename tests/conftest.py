"""What several tests share: where the real image archives are, and isolation from the user's own folders."""

from __future__ import annotations

import gc
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

import nursery
import pytest

# Equal bits are promised on the CPU alone. Here and not in a fixture: before anything imports torch; and with what was
# there before kept where the processes of pytest-xdist, which inherit all of it, find it too.
os.environ.setdefault("TESTS_CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
os.environ["CUDA_VISIBLE_DEVICES"] = ""
# As many tests run at once as there are cores: with threads of their own, trainings would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
REPOSITORY = Path(__file__).resolve().parents[1]
NUMBER = count()
# Started in the background, or by nohup, programs would inherit that they hear nothing of what tests send them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if "PYTEST_XDIST_WORKER" in os.environ and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
HANDLERS = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
WITHIN_A_TEST = (500_000, 5, 5)
MANY = 100_000
"""objects, mostly of apps that have ended: then they are cleared away after a test"""
ROUNDS = 50
"""among the youngest objects, before one among all"""
nursery.is_open = True
os.fsync = nursery.flush_nothing


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Give `-n auto` one process more than there are cores: half of a screen's test is waiting for its clock."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while modules are imported: almost everything stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays: modules and tests; a screen's widgets are a fifth slower without this."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Look for garbage between tests: while an app runs, a quarter of its time went into looking at living widgets."""
    gc.set_threshold(*WITHIN_A_TEST)
    outcome = yield
    young, rounds, _ = gc.get_count()
    if young > MANY:
        gc.collect(0 if rounds < ROUNDS else 2)
    return outcome


@pytest.fixture(scope="session")
def gpu_environment() -> dict[str, str]:
    """The environment of a process that may see the GPUs of this machine."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": os.environ["TESTS_CUDA_VISIBLE_DEVICES"]}
    if environment["CUDA_VISIBLE_DEVICES"] == "all":
        del environment["CUDA_VISIBLE_DEVICES"]
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


@pytest.fixture(autouse=True, scope="session")
def no_word_of_being_slow() -> Iterator[None]:
    """Of what is done meanwhile nothing is told on stderr, however long it takes on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hptui.cli.headway_line.FIRST_SECONDS", math.inf)
        yield


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """A command that ran in this process ignores signals at its end; so would every process that is started later."""
    restore_signals()
    yield
    restore_signals()


def restore_signals() -> None:
    for number, handler in HANDLERS.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def own_user_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing a test does may read or write the developer's own cache, studies or settings."""
    home = tmp_path_factory.mktemp(f"home-{next(NUMBER)}", numbered=False)  # to look for a free number takes longer
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(variable, str(home))
    for variable in [name for name in os.environ if name.startswith("HPTUI_") and name != "HPTUI_TEST_DATA"]:
        monkeypatch.delenv(variable)
