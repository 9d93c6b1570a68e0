"""Files that would run code when they are unpickled: no loader does, whatever checksum they carry."""

from __future__ import annotations

import ast
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hptui
from hptui.datasets._arrays import read_image_arrays
from hptui.datasets._spec import request_dataset
from hptui.errors import HptuiError
from hptui.record.mending import mend_log
from hptui.record.predictions import PREDICTIONS_FILE, read_predictions
from hptui.record.run_directory import CHECKPOINTS, ERROR_FILE, MODEL_FILE, RunFile, create_run, read_origin
from hptui.record.run_writer import RunWriter
from hptui.record.seals import seal_archive
from hptui.training.planned_run import _record_failure
from hptui.training.predicting import load_predictor
from hptui.training.run.checkpoints import largest_difference, load_file, restore_newest, save_checkpoint, save_file

WEIGHTS = ["zip", "sealed", "legacy", "pickle"]
ARRAYS = ["zip", "sealed", "pickle"]


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, at: Path) -> None:
        self.at = at

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.at), "w")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    create_run(tmp_path / "optimized-0", RunFile(1, "0", "optimized", 0, {}))
    return tmp_path / "optimized-0"


def plant_weights(path: Path, run: Path, kind: str) -> None:
    content = {"network": Bomb(run / "ran"), "mean": 0, "std": 1, "channels": 1, "image_shape": [2, 2]}
    content |= {"class_names": ["a", "b"]}
    if kind == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind != "legacy")
    if kind == "sealed":
        seal(path, run)


def plant_arrays(path: Path, run: Path, kind: str, *names: str) -> None:
    bombs = np.array([Bomb(run / "ran")] * 3, dtype=object)
    if kind == "pickle":
        path.write_bytes(pickle.dumps(dict.fromkeys(names, bombs)))
        return
    content = io.BytesIO()
    np.savez(content, allow_pickle=True, **dict.fromkeys(names, bombs))
    path.write_bytes(content.getvalue())
    if kind == "sealed":
        seal(path, run)


def seal(path: Path, run: Path) -> None:
    with path.open("rb+") as file:
        seal_archive(file, read_origin(run, 10))


LOADERS: dict[str, Callable[[Path], object]] = {
    "load_file": load_file,
    "load_predictor": lambda path: load_predictor(path, "lenet", device="cpu"),
    "largest_difference": lambda path: largest_difference(path, path),
}


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("loader", LOADERS)
def test_no_network_file_runs_code(run: Path, kind: str, loader: str) -> None:
    plant_weights(run / MODEL_FILE, run, kind)
    with pytest.raises(HptuiError, match=r"model\.pt"):
        LOADERS[loader](run / MODEL_FILE)
    assert not (run / "ran").exists()


@pytest.mark.parametrize("kind", WEIGHTS)
def test_no_checkpoint_runs_code(run: Path, kind: str) -> None:
    plant_weights(run / "checkpoints" / "step-000000010.pt", run, kind)
    mend_log(run)
    with pytest.raises(HptuiError, match="no checkpoint of optimized-0 can be used"):
        restore_newest(run, torch.device("cpu"), lambda content: pytest.fail(str(content)))
    assert not (run / "ran").exists()


@pytest.mark.parametrize("kind", ARRAYS)
def test_no_predictions_run_code(run: Path, kind: str) -> None:
    plant_arrays(run / PREDICTIONS_FILE, run, kind, "final_test", "test_labels")
    with pytest.raises(HptuiError, match="predictions"):
        read_predictions(run)
    assert not (run / "ran").exists()


@pytest.mark.parametrize("kind", ["zip", "pickle"])
def test_no_images_run_code(run: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "images.npz"
    plant_arrays(
        path, run, kind, *(f"{split}_{what}" for split in ("train", "val", "test") for what in ("images", "labels"))
    )
    for load in (
        lambda: read_image_arrays(path),
        lambda: request_dataset(f"medmnist:{path}", data_dir=None, image_size=None, split_seed=0),
    ):
        with pytest.raises(HptuiError, match=r"images\.npz"):
            load()
    assert not (run / "ran").exists()


@pytest.mark.parametrize("where", ["file", "partial"])
@pytest.mark.parametrize("name", ["checkpoints/step-000000010.pt", "model.pt", "best.pt", "error.log"])
def test_nothing_of_a_training_is_written_through_a_link(run: Path, tmp_path: Path, name: str, where: str) -> None:
    """At the file's own place, and where its first half is written; the link goes, what it leads to stays."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"a key")
    path = run / name
    link = path if where == "file" else path.with_name(f".{path.name}.{os.getpid()}.partial")
    link.symlink_to(victim)
    if name.startswith(CHECKPOINTS):
        path = run / CHECKPOINTS / save_checkpoint(run, 10, {"network": {}}).file  # another one than the link's
    elif name == ERROR_FILE:
        with RunWriter(run) as writer:
            _record_failure(writer, run, ValueError("no"))
    else:
        save_file(path, {"network": {}}, read_origin(run))
    assert victim.read_bytes() == b"a key"
    assert path.is_file()
    assert not path.is_symlink()
    assert not list(path.parent.glob(".*.partial"))


def test_the_bomb_would_go_off(run: Path) -> None:
    plant_weights(run / MODEL_FILE, run, "zip")
    torch.load(run / MODEL_FILE, weights_only=False)["network"].close()
    assert (run / "ran").exists()
    assert zipfile.is_zipfile(run / MODEL_FILE)


def test_every_call_that_could_unpickle_says_that_it_must_not() -> None:
    """Nothing else of the package reads what others may have written as objects."""
    said = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}
    found = 0
    for path in Path(hptui.__file__).parent.rglob("*.py"):
        text = path.read_text("utf-8")
        assert "import pickle" not in text
        assert "import marshal" not in text
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and (expected := said.get(ast.unparse(node.func))) is not None:
                given = {word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg == expected[0]}
                assert given == dict([expected]), path
                found += 1
    assert found >= 5
