"""What `strategies.py` compares: jobs, and the methods of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hptui.space import parse_range
from hptui.strategies import DecisionCourse, Situation, Strategy
from hptui.strategies._plan import begin_memory
from hptui.strategies.adaptive import Adaptive

Job = dict[str, Any]
Settings = dict[str, Any]
"""of `hptui.training.train`, over those of the job"""
Method = Settings | list[Settings]
"""a list: the best of them is found by retraining"""


@dataclass(frozen=True)
class Table:
    """One job, and the methods that do it; the first is what all others are paired with."""

    job: Callable[[str], Job]
    """from the data folder"""
    methods: dict[str, Method]
    seeds: str
    medical: bool = False
    """two classes, unbalanced: balanced accuracy and AUC too"""


def mnist(data: str) -> Job:
    """20,000 training, 5,000 validation and 10,000 test images; Adam, batch 100."""
    return {
        "dataset": "mnist",
        "data_dir": data,
        "train_size": 20_000,
        "validation_size": 5_000,
        "model": "dtu_cnn",
        "optimizer": "adam",
        "epochs": 10,
        "threads": 1,
    }


def mnist_sgd(data: str) -> Job:
    """The same with SGD and momentum 0.9."""
    return mnist(data) | {"optimizer": "sgd"}


def pneumonia(data: str) -> Job:
    """4,708 training, 524 validation and 624 test images, three quarters of them of one class."""
    return {
        "dataset": f"medmnist:{data}/MedMNIST/pneumoniamnist.npz",
        "model": "dtu_cnn",
        "optimizer": "adam",
        "epochs": 20,
        "threads": 1,
    }


RATES, DECAYS, SGD_RATES = "1e-4:1e-2:log:5", "1e-6:1e-2:log:5", "1e-4:1:log:5"
TWO = {"lr": RATES, "weight_decay": DECAYS}
FOUR = {**TWO, "dropout": "0:0.8:lin:5", "augmentation": "0:1:lin:5"}
SGD_TWO = {"lr": "1e-4:1:log:7", "weight_decay": DECAYS}
SGD_FOUR = {**SGD_TWO, "dropout": "0:0.8:lin:5", "augmentation": "0:1:lin:5"}
STARTS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def fixed(**values: float) -> Settings:
    """Values that stay, apart from a schedule."""
    return {"strategy": "fixed", "set": values}


def every(rates: str, decays: str) -> list[Settings]:
    return [
        fixed(lr=lr, weight_decay=decay)
        for lr in parse_range("lr", rates).values()
        for decay in parse_range("weight_decay", decays).values()
    ]


DECAY: Settings = {"strategy": "fixed", "schedule": "late_decay"}
"""only what `adaptive` does in its second half: what of its gain is the search, and what the schedule?"""


def decay_over_a_quarter(progress: float) -> float:
    """A schedule: the rate as chosen, then linearly to zero over the last quarter."""
    return min(1.0, 4 * (1 - progress))


class Unplanned(Adaptive):
    """Probes of a given length, whatever the budget: what does the horizon change?"""

    unit = 0.1

    def decide(self, situation: Situation) -> DecisionCourse:
        if "due" not in self.memory:
            self.memory |= begin_memory(self, situation) | {"unit": self.unit}
        return super().decide(situation)


def adaptive(search: dict[str, str], base: type[Strategy] = Adaptive, **attributes: Any) -> Settings:
    """The strategy with some of its attributes changed."""
    return {"strategy": type("Adaptive", (base,), attributes) if attributes else base, "search": search}


def plain(base: type[Strategy] = Adaptive, **attributes: Any) -> Settings:
    """Of four: what the variants are of."""
    return adaptive(FOUR, base, **attributes)


VARIANTS: dict[str, Method] = {
    "adaptive": plain(),
    "scored by the last weights": plain() | {"score_weights": "last"},
    **{f"averaged over {window} epochs": plain() | {"average_window": window} for window in (0.1, 0.25, 1.0)},
    **{f"horizon {unit}": plain(Unplanned, unit=unit) for unit in (0.05, 0.1, 0.25, 0.5, 1.0)},
    **{f"budget {budget}": plain() | {"budget": budget} for budget in (1.1, 1.25, 2.0)},
    "3 rates, 2 go on": plain(rates=3, finalists=2),
    "5 rates, 2 go on": plain(rates=5, finalists=2),
    "13 rates, 5 go on": plain(rates=13, finalists=5),
    "1 level": plain(levels=(0.5,)),
    "4 levels": plain(levels=(0.25, 0.5, 0.75, 1.0)),
    "screen after 0.1": plain(screen_at=0.1),
    "screen after 0.3": plain(screen_at=0.3),
    "screen's probes twice as long": plain(length=8.0),
    "screen's probes half as long": plain(length=2.0),
    "best, without regard to ties": plain(ties=0.0),
    "ties of two standard errors": plain(ties=2.0),
    "no decay": plain() | {"schedule": "constant"},
    "decay over a quarter": plain() | {"schedule": f"{__file__}:decay_over_a_quarter"},
}

TABLES: dict[str, Table] = {
    "mnist": Table(
        mnist,
        {
            "default": fixed(),
            "default with decay": DECAY,
            "best fixed of 25": every(RATES, DECAYS),
            "best cosine of 5": [fixed(lr=lr) | {"schedule": "cosine"} for lr in parse_range("lr", RATES).values()],
            "Schedule-Free": fixed() | {"optimizer": "schedule_free"},
            "Prodigy": fixed() | {"optimizer": "prodigy"},
            "grid": {"strategy": "grid", "search": {"lr": RATES, "weight_decay": "1e-6:1e-2:log:3"}},
            "adaptive lr": adaptive({"lr": RATES}),
            "adaptive": adaptive(TWO),
            "adaptive of 4": adaptive(FOUR),
        },
        "0-9",
    ),
    "any start": Table(
        mnist_sgd,
        {
            "best fixed of 25": every(SGD_RATES, DECAYS),
            **{f"fixed {lr:g}": fixed(lr=lr) for lr in STARTS},
            **{f"adaptive from {lr:g}": adaptive(SGD_TWO) | {"set": {"lr": lr}} for lr in STARTS},
            **{f"adaptive of 4 from {lr:g}": adaptive(SGD_FOUR) | {"set": {"lr": lr}} for lr in STARTS[::4]},
        },
        "0-4",
    ),
    "pneumonia": Table(
        pneumonia,
        {
            "default": fixed(),
            "default with decay": DECAY,
            "best fixed of 25": every(RATES, DECAYS),
            "Schedule-Free": fixed() | {"optimizer": "schedule_free"},
            "Prodigy": fixed() | {"optimizer": "prodigy"},
            "adaptive": adaptive(TWO),
            "adaptive of 4": adaptive(FOUR),
        },
        "0-9",
        medical=True,
    ),
    "ablations": Table(mnist, VARIANTS, "0-4"),
    "way back": Table(
        mnist_sgd,
        {
            f"rates to {high:g}, {name}": adaptive(SGD_FOUR | {"lr": f"1e-3:{high:g}:log:7"}, **attributes)
            for high in (1.0, 30.0)
            for name, attributes in (("with it", {}), ("without", {"returns": 0}))
        },
        "0-4",
    ),
}
