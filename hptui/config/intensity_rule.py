"""The rule that brings intensities of images to one range, as it is written in a setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from hptui.errors import ConfigError, nearest

Kind = Literal["auto", "full", "minmax", "percentile", "window", "voi"]
PLAIN = ("auto", "full", "minmax", "voi")
FORMS = "auto, full, minmax, percentile:LOW:HIGH, window:CENTRE:WIDTH or voi"


@dataclass(frozen=True)
class IntensityRule:
    """A rule, with its two numbers where it has any."""

    kind: Kind
    first: float = 0.0
    """LOW of percentile, CENTRE of window"""
    second: float = 0.0
    """HIGH of percentile, WIDTH of window"""


def parse_intensity(text: str) -> IntensityRule:
    """A rule of its words; raise ConfigError where they are none."""
    kind, *numbers = text.split(":")
    if kind in PLAIN and not numbers:
        return IntensityRule(cast(Kind, kind))
    if kind not in ("percentile", "window") or len(numbers) != 2:
        raise ConfigError(f"intensity = {text!r}: it takes {FORMS}.{nearest(kind, (*PLAIN, 'percentile', 'window'))}")
    try:
        first, second = map(float, numbers)
    except ValueError:
        raise ConfigError(f"intensity = {text!r}: write two numbers, such as {_example(kind)}.") from None
    if kind == "percentile" and not 0 <= first < second <= 100:
        raise ConfigError(f"intensity = {text!r}: LOW and HIGH are percent, 0 to 100, the lower first.")
    if kind == "window" and not (abs(first) < 1e30 and 0 < second < 1e30):
        raise ConfigError(f"intensity = {text!r}: WIDTH has to be above 0, such as {_example(kind)}.")
    return IntensityRule(cast(Kind, kind), first, second)


def _example(kind: str) -> str:
    return "percentile:1:99" if kind == "percentile" else "window:40:400"
