"""The ranges that hyperparameters are searched in. Plain data: no torch, no screen."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hptui.errors import ConfigError
from hptui.hyperparameters import Values, hyperparameter

Scale = Literal["log", "linear"]
MOST_STEPS = 1000
USUAL_STEPS = 5
"""where a range names none; a strategy that tries no grid needs none"""
MOST_CELLS = 100_000
_SCALES: dict[str, Scale] = {"log": "log", "lin": "linear", "linear": "linear"}


@dataclass(frozen=True)
class Range:
    """Where one hyperparameter is searched: `steps` values from low to high, both included."""

    name: str
    low: float
    high: float
    scale: Scale
    steps: int

    def __post_init__(self) -> None:
        known = hyperparameter(self.name, installed=False)  # who made the range has checked its name
        if not self.low < self.high:
            raise ConfigError(f"search {self.name}: low {self.low:g} has to be less than high {self.high:g}.")
        if self.scale == "log" and self.low <= 0:
            raise ConfigError(
                f"search {self.name}: a log scale needs low > 0, not {self.low:g}; use lin, or a small positive low."
            )
        if not 2 <= self.steps <= MOST_STEPS:
            raise ConfigError(
                f"search {self.name}: steps = {self.steps} makes a grid of no cells or too many; "
                f"use 2 to {MOST_STEPS}, or --set {self.name}=VALUE to fix it."
            )
        for end in (self.low, self.high):
            known.check(end)

    def values(self) -> tuple[float, ...]:
        """The grid's values, ascending, ends exact; a whole-number hyperparameter is rounded, without repeats."""
        inner = (self.at(step / (self.steps - 1)) for step in range(1, self.steps - 1))
        values = (self.low, *inner, self.high)
        return tuple(dict.fromkeys(map(hyperparameter(self.name, installed=False).rounded, values)))

    def at(self, position: float) -> float:
        """The value at `position` of the range, 0 (low) to 1 (high), equal steps in its scale."""
        if self.scale == "log":
            value = math.exp(math.log(self.low) + position * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + position * (self.high - self.low)
        return float(f"{value:.12g}")  # 0.001, not 0.0010000000000000002: people read these values

    def position(self, value: float) -> float:
        """Inverse of `at`; outside the range it is below 0 or above 1 (-inf: off a log scale)."""
        if self.scale == "linear":
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            return -math.inf
        return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))

    def inside(self, value: float) -> float:
        """The nearest value of the range."""
        return min(max(value, self.low), self.high)

    def __str__(self) -> str:
        return f"{self.low!r}:{self.high!r}:{'log' if self.scale == 'log' else 'lin'}:{self.steps}"


SearchSpace = dict[str, Range]
"""searched hyperparameters by name, in the order the user gave; empty: nothing is searched"""


def parse_range(name: str, text: str | Mapping[str, Any], *, installed: bool = True) -> Range:
    """Read `low:high:scale:steps` or `low:high:scale` (or a table with these keys) into a Range.

    Args:
        name: of the hyperparameter, or an alias.
        text: of the range.
        installed: whether the hyperparameter has to be known here.

    Raises:
        ConfigError: the text has another form, or low, high, scale and steps do not fit each other.
    """
    known = hyperparameter(name, installed=installed)
    form = (
        f"search {known.name}={text!r}: write low:high:scale:steps, for example 1e-4:1e-1:log:7 "
        f"(steps: of a grid, {USUAL_STEPS} if left out)."
    )
    if isinstance(text, Mapping):
        unknown = set(text) - {"low", "high", "scale", "steps"}
        if unknown or not {"low", "high"} <= set(text):
            raise ConfigError(f"search {known.name} has the keys {sorted(text)}; it takes low, high, scale, steps.")
        parts = [
            str(text["low"]),
            str(text["high"]),
            str(text.get("scale", "lin")),
            str(text.get("steps", USUAL_STEPS)),
        ]
    else:
        parts = str(text).split(":")
        parts += [str(USUAL_STEPS)] * (len(parts) == 3)
    if len(parts) != 4:
        raise ConfigError(form)
    if parts[2].lower() not in _SCALES:
        raise ConfigError(f"search {known.name}: unknown scale {parts[2]!r}; it takes log or lin.")
    try:
        low, high, steps = float(parts[0]), float(parts[1]), int(parts[3])
    except ValueError:
        raise ConfigError(form) from None
    return Range(known.name, low, high, _SCALES[parts[2].lower()], steps)


def check_cells(space: SearchSpace) -> int:
    """How many cells the grid has; raise ConfigError if they are more than can be handled."""
    cells = math.prod(len(searched.values()) for searched in space.values())
    if cells > MOST_CELLS:
        raise ConfigError(f"search makes a grid of {cells:,} cells, at most {MOST_CELLS:,}: use fewer steps.")
    return cells


def grid(space: SearchSpace) -> list[Values]:
    """Every combination of the searched values, the last name varying fastest; one empty cell for no range."""
    axes = [[(name, value) for value in searched.values()] for name, searched in space.items()]
    return [dict(cell) for cell in itertools.product(*axes)]


def describe(values: Mapping[str, float], names: Iterable[str] | None = None) -> str:
    """One short line: "lr 0.001, weight_decay 1e-05" (three digits)."""
    return ", ".join(f"{name} {values[name]:.3g}" for name in (names or values) if name in values)
