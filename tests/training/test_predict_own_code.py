"""The command predict with code that prints, and reads files that have gone; and its answers by group."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import nursery
import pytest
import torch
from fabricate import PATIENCE_SECONDS

from hptui.config import Layer, resolve
from hptui.metrics.classification import metric
from hptui.metrics.groups import of_groups
from hptui.metrics.thresholds import choose_threshold
from hptui.record.predictions import read_predictions
from hptui.training.run.control import Control
from hptui.training.study import start_study, train_study

Answer = tuple[list[dict[str, str]], str]
"""rows, and what else was said"""
OWN = """
import os
from pathlib import Path

import numpy as np
import torch
from hptui.datasets import ImageDataset, Images

print("imported")


def images(count, seed):
    random = np.random.default_rng(seed)
    patients = np.arange(count) // 3
    labels = (random.random(count) < 0.4)[patients].astype(np.int64)
    pixels = random.integers(0, 150, (count, 1, 8, 8), dtype=np.uint8)
    pixels[labels == 1, 0, :4, :4] += 90
    return Images(pixels, labels, np.array([f"p{seed}-{patient}" for patient in patients]))


def data():
    return ImageDataset("corners", ("healthy", "ill"), images(120, 0), images(60, 1), images(60, 2))


class Net(torch.nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.output = torch.nn.Linear(64, num_classes)
        checkpoint = torch.load(Path(__file__).with_name("pretrained.pt"))
        self.output.load_state_dict({name: entry for name, entry in checkpoint["model"].items()}, strict=True)
        print("built")
        os.system("echo a child")

    def forward(self, x):
        print("asked")
        return self.output(x.flatten(1))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A completed run whose code lies beside its study."""
    folder = tmp_path_factory.mktemp("printing")
    (folder / "own.py").write_text(OWN, "utf-8")
    torch.save({"model": torch.nn.Linear(64, 2).state_dict()}, folder / "pretrained.pt")
    settings = {
        "dataset": f"{folder}/own.py:data", "model": f"{folder}/own.py:Net", "epochs": 2, "runs": 1, "baseline": "none",
        "strategy": "fixed", "threads": 1, "device": "cpu",
    }  # fmt: skip
    assert train_study(
        start_study(resolve([Layer("test", {"strategy": "grid"} | settings)]).config, folder / "study"), Control()
    )
    random = np.random.default_rng(1)
    np.savez(folder / "x.npz", scan_images=random.integers(0, 255, (6, 8, 8), dtype=np.uint8))
    return folder / "study" / "optimized-0"


@pytest.fixture(scope="module")
def answer(run: Path) -> Answer:
    """The plain one, while all is there."""
    return predicted(run)


def predicted(run: Path, *arguments: str) -> Answer:
    """Rows on stdout of a process of its own, and its stderr."""
    words = ["predict", run, run.parents[1] / "x.npz", "--trust", *arguments]
    done = nursery.run(*words, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout))), done.stderr


def shares(rows: list[dict[str, str]]) -> np.ndarray:
    return np.array([[float(row["p(healthy)"]), float(row["p(ill)"])] for row in rows])


def test_stdout_has_the_table_alone_whatever_own_code_prints(answer: Answer) -> None:
    rows, said = answer
    assert len(rows) == 6
    assert list(rows[0]) == ["file", "class", "probability", "p(healthy)", "p(ill)"]
    assert all(None not in row and float(row["probability"]) >= 0.5 for row in rows)
    assert {"imported", "built", "a child", "asked"} <= set(said.splitlines())


def test_a_pretrained_file_that_has_gone_is_not_needed_any_more(run: Path, answer: Answer) -> None:
    file = run.parents[1] / "pretrained.pt"
    content = file.read_bytes()
    file.unlink()
    try:
        assert predicted(run)[0] == answer[0]
    finally:
        file.write_bytes(content)


def test_a_source_folder_that_has_gone_is_not_needed_any_more(run: Path, answer: Answer, tmp_path: Path) -> None:
    (run.parents[1] / "own.py").rename(tmp_path / "own.py")
    try:
        assert predicted(run)[0] == answer[0]  # nor what lay beside it
    finally:
        (tmp_path / "own.py").rename(run.parents[1] / "own.py")


def test_per_group_there_is_one_row_with_the_mean(run: Path, answer: Answer) -> None:
    images, _ = answer
    groups, _ = predicted(run, "--per-group", r"\[(.)\]")
    assert [(row["group"], row["images"]) for row in groups] == [(str(index), "1") for index in range(6)]
    groups, said = predicted(run, "--per-group", "scan", "--threshold-for", "sensitivity=0.9")
    (row,) = groups
    assert "hptui: all images are of one group, 'scan': is that what 'scan' is to find?" in said.splitlines()
    assert (row["group"], row["images"]) == ("scan", "6")
    assert shares(groups)[0] == pytest.approx(shares(images).mean(0), abs=1e-6)
    validation = read_predictions(run, "final", "validation")
    assert validation is not None
    ill = int((of_groups(validation).predictions.labels == 1).sum())
    assert f"hptui: The threshold for sensitivity=0.9 rests on {ill} validation groups of ill: with" in said
    cut = choose_threshold(of_groups(validation).predictions, "sensitivity=0.9")
    assert metric("sensitivity", of_groups(validation).predictions, cut) >= 0.9  # type: ignore[operator]
    assert row["class"] == ("ill" if shares(groups)[0][1] >= cut else "healthy")
