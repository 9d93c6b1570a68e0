"""Studies with arguments, weights and frozen layers are resumed, replayed and asked for predictions like others."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch
from fabricate import edit_study
from PIL import Image

from hptui.__main__ import main
from hptui.config import Layer, resolve
from hptui.record.run_directory import MODEL_FILE
from hptui.record.study_directory import open_study
from hptui.record.study_folders import STUDY_FILE
from hptui.training.run.control import Control
from hptui.training.study import start_study, train_study

from .test_exactness import StopAfter

Captured = pytest.CaptureFixture[str]
OWN = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width, in_channels):
        super().__init__()
        print("an own network is built")
        self.stem = nn.Conv2d(in_channels, width, 3)
        self.norm = nn.BatchNorm2d(width)
        self.output = nn.Linear(width, 10)

    def forward(self, x):
        return {"features": x, "logits": self.output(torch.relu(self.norm(self.stem(x))).mean((2, 3)))}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(OWN, "utf-8")
    torch.manual_seed(0)
    torch.save({"stem.weight": torch.randn(6, 3, 3, 3), "stem.bias": torch.zeros(6)}, tmp_path / "pretrained.pth")
    return tmp_path


def started(folder: Path, control: Control) -> Path:
    """A study of one run, trained until `control` stops it, or to its end."""
    settings = {
        "dataset": "digits",
        "train_size": 60,
        "model": f"{folder / 'net.py'}:Net",
        "model_args": ["width=6"],
        "weights": str(folder / "pretrained.pth"),
        "freeze": "norm",
        "epochs": 2,
        "runs": 1,
        "baseline": "none",
        "set": {"batch_size": 20},
        "search": {"lr": "1e-3:1e-1:log:2", "backbone_lr": "0.1:1:log:2"},
        "horizon": 0.5,
        "threads": 1,
        "device": "cpu",
    }
    prepared = start_study(resolve([Layer("test", {"strategy": "grid"} | settings)]).config, folder / "study")
    train_study(prepared, control)
    return folder / "study"


def test_nothing_of_the_machine_is_in_the_study_and_what_was_found_is(folder: Path) -> None:
    study = started(folder, Control())
    assert str(folder) not in (study / STUDY_FILE).read_text("utf-8")
    opened = open_study(study)
    assert (opened.config.weights, opened.config.freeze, opened.config.model_args) == (
        "pretrained.pth",
        ["norm"],
        {"width": 6},
    )
    assert len(opened.weights_digest) == 64
    found = "\n".join(opened.warnings)
    assert "normalised by ImageNet's" in found
    assert "missing in the file, and begun anew: norm.weight, norm.bias, norm.running_mean, norm.running_var" in found
    assert "model 'net.py:Net' has 2 outputs: logits is used" in found


def test_a_finished_study_is_replayed_and_predicts_without_the_file(folder: Path, capsys: Captured) -> None:
    study = started(folder, Control())
    run = study / "optimized-0"
    assert main(["replay", str(run)]) == 0
    assert "equal to the bit" in capsys.readouterr().out
    (folder / "pretrained.pth").unlink()
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(folder / "image.png")
    assert main(["predict", str(run), str(folder / "image.png"), "--trust"]) == 0
    heading, row = capsys.readouterr().out.strip().splitlines()[-2:]
    assert heading.startswith("file,class,probability")
    assert row.startswith(str(folder / "image.png"))
    assert main(["replay", str(run)]) == 2
    told = capsys.readouterr().err
    assert "pretrained.pth, with which the study began, is not at" in told
    assert "sources/weights/pretrained.pth" in told


def test_a_stopped_study_goes_on_with_the_same_weights_and_with_no_others(folder: Path, capsys: Captured) -> None:
    study = started(folder, StopAfter(4))
    place = folder / "pretrained.pth"
    kept = place.read_bytes()
    torch.save({"stem.weight": torch.zeros(6, 3, 3, 3)}, place)
    assert main(["resume", str(study), "--headless"]) == 2
    assert "pretrained.pth is not the file that the study began with" in capsys.readouterr().err
    inside = study / "sources" / "weights" / "pretrained.pth"
    inside.parent.mkdir(parents=True)
    inside.write_bytes(kept)
    place.unlink()
    assert main(["resume", str(study), "--headless", "--trust"]) == 0
    (folder / "whole").mkdir()
    for name in ("net.py", "pretrained.pth"):
        content = (folder / name).read_bytes() if name == "net.py" else kept
        (folder / "whole" / name).write_bytes(content)
    whole = started(folder / "whole", Control())
    states = [torch.load(one / "optimized-0" / MODEL_FILE)["network"] for one in (study, whole)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


def test_an_older_study_has_none_of_these_settings(folder: Path) -> None:
    study = started(folder, StopAfter(1))
    own = ("weights", "freeze", "normalisation", "model_args")

    def older(text: str) -> str:
        content = tomllib.loads(text)
        head = {key: value for key, value in content.items() if key not in ("warnings", "weights_digest")}
        return tomli_w.dumps(head | {"config": {key: value for key, value in head["config"].items() if key not in own}})

    edit_study(study, older)
    opened = open_study(study)
    config = opened.config
    assert (config.weights, config.freeze, config.normalisation, config.model_args) == (None, [], "auto", {})
    assert (opened.warnings, opened.weights_digest) == ((), "")
