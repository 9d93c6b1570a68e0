"""What a study cannot do is refused before anything of it is trained, and what is not refused can be done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from hptui import registry
from hptui.datasets import ImageDataset
from hptui.errors import ConfigError, RunDirectoryError, UsageError
from hptui.planning import plan_arm
from hptui.record import write_errors
from hptui.training import study as study_module
from hptui.training.inputs import check_strategies
from hptui.training.study import start_study

from .conftest import STEADY, Prepared, make_run, padded, stripes

Make = Callable[..., Prepared]
MODELS = [*registry.names("models"), "small"]


class Small(nn.Sequential):
    """Has nothing that an optimizer might refuse."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        pooled = nn.AdaptiveAvgPool2d(4)
        super().__init__(pooled, nn.Flatten(), nn.Dropout(0.1), nn.Linear(16 * in_channels, num_classes))


STEADY.add(Small)


@pytest.fixture(scope="module")
def tiny() -> ImageDataset:
    """As if published, so that images are not looked at again and again for what is nearly equal."""
    return ImageDataset(
        "tiny", ("a", "b", "c"), *(padded(stripes(*one)) for one in ((45, 0), (12, 1), (12, 2))), published=True
    )


def pairs() -> list[dict[str, str]]:
    """Every pair of plug-ins of two kinds; more kinds at once hold no more than one of these does."""
    optimizers, strategies = registry.names("optimizers"), registry.names("strategies")
    schedules, losses = registry.names("schedules"), registry.names("losses")
    found = [{"optimizer": one, "model": other} for one in optimizers for other in MODELS]
    found += [{"optimizer": one, "strategy": other, "model": "small"} for one in optimizers for other in strategies]
    found += [{"schedule": one, "strategy": other, "model": "small"} for one in schedules for other in strategies]
    found += [{"loss": one, "optimizer": other, "model": "small"} for one in losses for other in optimizers]
    return found


@pytest.mark.parametrize("parts", pairs(), ids=lambda parts: " ".join(parts.values()))
def test_what_the_start_takes_can_be_trained_and_the_rest_is_refused_there(
    prepare: Make, tiny: ImageDataset, parts: dict[str, str], tmp_path: Path
) -> None:
    """All pairs that the registry finds, those of other packages too."""
    model = parts.get("model", "small")
    settings: dict[str, Any] = {key: value for key, value in parts.items() if key != "model"}
    settings |= {"search": {"lr": "1e-3:1e-2:log:2", "batch_size": "8:16:log:2"}, "epochs": 2, "horizon": 0.2}
    factory = Small if model == "small" else registry.load("models", model)
    try:
        made = prepare(factory, tiny, **({"strategy": "fixed"} | settings))
        check_strategies(made.config)
        plan_arm(made.config, "optimized", len(made.data.train))
    except UsageError:
        return
    run, _ = make_run(made)
    assert run.execute().completed


def test_some_pairs_are_refused_and_most_are_not(prepare: Make, tiny: ImageDataset) -> None:
    small_resnet = registry.load("models", "small_resnet")
    prepare(small_resnet, tiny, optimizer="schedule_free")
    prepare(small_resnet, tiny, batchnorm="running")
    with pytest.raises(ConfigError, match="leave --batchnorm at precise"):
        prepare(small_resnet, tiny, optimizer="schedule_free", batchnorm="running")


OWN = """
from hptui.strategies import Strategy
from torch.optim import SGD
import numpy


class Late(Strategy):
    schedule = "no_such_schedule"


class Counting(SGD):
    def step(self, closure=None):
        found = super().step(closure)
        for group in self.param_groups:
            for weight in group["params"]:
                self.state[weight]["norm"] = numpy.float64(1.0)
        return found


def late(progress):
    return 1 / 0 if progress > 0.9 else 1.0
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN, "utf-8")
    return path


def test_a_strategy_s_own_schedule_is_looked_at_before_the_baseline_is_trained(
    prepare: Make, own: Path, tmp_path: Path
) -> None:
    """It is another arm's; nobody would see it before that is trained."""
    config = prepare(strategy="fixed", baseline="fixed").config
    config = msgspec.structs.replace(config, strategy=f"{own}:Late", search={})
    with pytest.raises(ConfigError, match="no_such_schedule"):
        start_study(config, tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_an_optimizer_whose_state_no_checkpoint_gives_back_is_refused(prepare: Make, own: Path) -> None:
    with pytest.raises(ConfigError, match=r"optimizer '.*own\.py:Counting' cannot be kept in a checkpoint"):
        prepare(strategy="fixed", optimizer=f"{own}:Counting")


class Pickled(nn.Module):
    """Its state holds an object that only pickle could give back."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.output = nn.Linear(144, num_classes)

    def get_extra_state(self) -> Any:
        return np.float64(3)

    def set_extra_state(self, state: Any) -> None:
        """Nothing to do with it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(x.flatten(1))


def test_a_model_whose_state_no_checkpoint_gives_back_is_refused(prepare: Make) -> None:
    with pytest.raises(ConfigError, match="cannot be kept in a checkpoint"):
        prepare(Pickled, strategy="fixed", search={})


def test_a_schedule_that_fails_late_is_refused_early(prepare: Make, own: Path) -> None:
    with pytest.raises(ConfigError, match=r"late' fails at 90\.1% of a run: ZeroDivisionError"):
        prepare(strategy="fixed", schedule=f"{own}:late")


def test_images_that_do_not_fit_into_the_memory_are_told(prepare: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 80.00 GiB.")

    monkeypatch.setattr("hptui.training.inputs.to_device", full)
    with pytest.raises(ConfigError, match="the images of stripes do not fit into the memory of cpu; take fewer"):
        prepare(strategy="fixed")


def test_a_disk_without_room_for_one_checkpoint_is_told_before_the_start(
    prepare: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(strategy="fixed")
    monkeypatch.setattr(study_module, "prepare_inputs", lambda config: made.inputs)
    monkeypatch.setattr(write_errors.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100})())
    with pytest.raises(RunDirectoryError, match=r"no space left on device: .*; .* needed, 100 B free; make room and"):
        start_study(made.config, tmp_path / "study")
    assert not (tmp_path / "study").exists()
