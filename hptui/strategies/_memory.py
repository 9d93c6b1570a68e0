"""What the adaptive strategy remembers from decision to decision: plain data, as every checkpoint holds it.

Empty until the first decision. Checkpoints of runs have these keys, so their names stay.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from hptui.hyperparameters import Values
from hptui.strategies import StateName

Due = list[Any]
"""[epoch, stage]: the stage comes at the first decision for that epoch or a later one"""


class KnownBranch(TypedDict):
    """A branch of a race under way."""

    values: Values
    """that it changes"""
    start: StateName
    """where it is"""


class KnownRace(TypedDict):
    """A race under way."""

    branches: list[KnownBranch]
    """that are left; from the first leg on the best first"""
    at: int
    """epoch before which they were last as far as the run"""
    lag: float
    """epochs that the run has come on since, beside those that it trained from then on"""


_WithSpace = TypedDict("_WithSpace", {"follows schedule": bool}, total=False)  # which no class can spell
"""whether the rate follows the strategy's own schedule from now on"""


class Memory(_WithSpace, total=False):
    """All that is remembered: some of it from the first decision on, as `begin_memory` makes it, some for a while."""

    due: list[Due]
    """stages to come: "survey", "race", "leg", "last leg", "screen"; and "changed", for ranges that were"""
    unit: float
    """epochs of a survey's first probe; the probes of a screen are some times as long"""
    rates: int
    """of the survey; 0: there is none"""
    levels: list[float]
    """of a screen: positions in a range"""
    branches: int
    """number of them that a race was planned with; 0: none was. What they are is in `race`, once it has begun"""
    raced: list[str]
    """hyperparameters that the race is for"""
    left_out: list[str]
    """searched hyperparameters that the budget does not reach"""

    # while a race goes on
    race: KnownRace

    # from a change of ranges until those are searched
    changed: list[str]
    """hyperparameters that got another range after their own stage"""

    # the way back: from a choice of other weights until the epoch after it went well, or too often wrong
    home: StateName
    """state of the training that the run went on from"""
    loss: float
    """validation loss there; where the epoch went wrong too often it is not forgotten"""
    watched: int
    """epoch before which is told whether the one before went well"""
    returns: int
    """times that the run went back there; it is not forgotten"""


WAY_BACK: tuple[Literal["home", "loss", "watched"], ...] = ("home", "loss", "watched")
"""what is forgotten once the epoch after a choice went well"""
