"""What lies in examples/ does what it says: the commands that it prints are followed, with fewer and smaller images."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hptui.__main__ import main
from hptui.reading.studies import follow

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SMALL = {"--image-size": "16", "--runs": "1", "--epochs": "1"}
Captured = pytest.CaptureFixture[str]


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def smaller(words: list[str]) -> list[str]:
    """A command whose numbers are less."""
    return [SMALL.get(before, word) for before, word in zip(["", *words], words, strict=False)]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The current folder, with the toy clinic in it, and the commands that its example prints in a file."""
    folder = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["own_images.py", "toy", "--patients", "12"])
        with (folder / "printed").open("w") as file:
            patch.setattr(sys, "stdout", file)
            example("own_images").main()
        yield folder


def test_own_images_are_trained_evaluated_and_predicted_as_printed(
    toy: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(toy)
    lines = (toy / "printed").read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["data", "run", "compare", "evaluate", "predict"]
    said = {}
    for line in lines:
        _, name, *words = smaller(shlex.split(line))
        assert main([name, *words, *(["--threads", "1", "--device", "cpu"] if name == "run" else [])]) == 0, line
        said[name] = capsys.readouterr().out
    assert "group = patient" in said["data"]
    assert "per group % (n = 6)" in said["evaluate"]
    assert len(said["predict"].splitlines()) == 7  # a heading, and the patients of the other hospital
    assert {path.name for path in (toy / "toy" / "elsewhere-figures").iterdir()} > {"roc.png", "decision-curve.png"}
    monkeypatch.setattr(sys, "argv", ["x", "toy/study/optimized-0", "table:toy/elsewhere/labels.csv"])
    example("evaluate_elsewhere").main()
    assert "6 patients, threshold " in capsys.readouterr().out


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="needs timm")
def test_a_network_of_timm_is_fine_tuned(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm
    import torch

    monkeypatch.chdir(toy)
    torch.save(timm.create_model("resnet18", pretrained=False).state_dict(), "resnet18.pth")
    flags = ["--dataset", "table:toy/clinic/labels.csv", "--image-size", "16", "--runs", "1", "--epochs", "1"]
    flags += ["--baseline", "none", "--threads", "1", "--device", "cpu", "--headless", "--out", "tuned"]
    assert main(["run", str(EXAMPLES / "fine_tuning.toml"), *flags]) == 0
    study = follow(toy / "tuned").study
    assert "weights: 120 of the network's 122 tensors are those of resnet18.pth" in study.warnings
    assert study.config.freeze == ["conv1", "bn1", "layer1"]


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="needs timm")
def test_a_pretrained_network_enlarges_small_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm
    import torch

    monkeypatch.chdir(tmp_path)
    torch.save(timm.create_model("resnet18", pretrained=False).state_dict(), "resnet18.pth")
    network = example("enlarged").enlarged(3, 2)
    sides: list[int] = []
    network.conv1.register_forward_pre_hook(lambda _, images: sides.append(images[0].shape[-1]))
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 2)
    assert sides == [32]
    flags = ["--model", f"{EXAMPLES / 'enlarged.py'}:enlarged", "--weights", "resnet18.pth", "--dataset", "digits"]
    flags += ["--train-size", "20", "--validation-size", "10", "--test-size", "10", "--image-size", "8"]
    flags += ["--runs", "1", "--epochs", "1", "--baseline", "none"]
    flags += ["--strategy", "fixed", "--threads", "1", "--device", "cpu", "--headless", "--out", "tuned"]
    assert main(["run", *flags]) == 0
    assert "weights: 120 of the network's 122 tensors are those of resnet18.pth" in follow(Path("tuned")).study.warnings
