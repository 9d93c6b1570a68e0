"""A decision that is not over: all that it has measured, so that neither a stop nor a kill costs a candidate twice.

To go on with it, the strategy decides again from the beginning: it is asked with what it was asked with, and what it
has measured is given to it instead of being measured. It has to want the same candidates, which a strategy does whose
random numbers come from its seed; one that does not begins anew.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hptui.metrics.evidence import Evidence
from hptui.strategies import Candidate, Measurement
from hptui.training.engine.state import Snapshot
from hptui.training.run.kept import KeptStates


class DecidesDifferently(Exception):
    """A strategy wants other candidates than before; what was measured is of no use to it."""


@dataclass
class PartialProbe:
    """A candidate in training."""

    batches: int
    """done"""
    loss: float
    """sum of the losses of their images"""
    images: int
    seconds: float
    state: Snapshot
    stacked: bool = False
    """beside others, as one of the replicas of a stack"""
    candidate: Candidate | None = None
    """None: an older hptui did not keep it"""

    def plain(self) -> dict[str, Any]:
        """Plain data for a checkpoint."""
        return vars(self) | {"candidate": self.candidate and vars(self.candidate)}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> PartialProbe:
        """Inverse of `plain`."""
        candidate = plain.get("candidate")
        return cls(**plain | {"candidate": candidate and Candidate(**candidate)})


@dataclass
class Findings:
    """What a decision has found so far: that of the run itself, or the longer one of a greed check."""

    kept: KeptStates
    """where its candidates may begin"""
    measured: list[Measurement] = field(default_factory=list)
    """in the order of the candidates"""
    seconds: float = 0.0
    """that these took"""
    partials: dict[int, PartialProbe] = field(default_factory=dict)
    """of candidates after these, by number: of the next one only while a checkpoint is written, or where it was
    stopped; of those that are trained ahead, side by side"""
    window: int = 0
    """candidates before this number are trained ahead together"""
    stacked: int = 0
    """of those measured, how many were trained side by side"""
    asked: int = 0
    """candidates that the strategy has wanted in this process"""

    def known(self, candidate: Candidate) -> Measurement | None:
        """The measurement of the next candidate, where it was measured before.

        Raises:
            DecidesDifferently: another candidate was.
        """
        if self.asked >= len(self.measured):
            return None
        measurement = self.measured[self.asked]
        if measurement.candidate != candidate:
            raise DecidesDifferently
        self.asked += 1
        return dataclasses.replace(measurement, candidate=candidate)

    def require_same(self, candidates: Sequence[Candidate]) -> None:
        """Make sure that what is in training is of the next candidates, each at its place.

        Raises:
            DecidesDifferently: another candidate is.
        """
        for number, candidate in enumerate(candidates, len(self.measured)):
            partial = self.partials.get(number)
            if partial is not None and partial.candidate not in (None, candidate):
                raise DecidesDifferently

    def add(self, measurement: Measurement, seconds: float) -> None:
        """Take in a new measurement, and how long it took."""
        partial = self.partials.pop(len(self.measured), None)
        self.stacked += partial is not None and partial.stacked
        self.measured.append(measurement)
        self.seconds += seconds
        self.asked += 1

    def plain(self) -> dict[str, Any]:
        """Plain data for a checkpoint."""
        return {
            "kept": self.kept.plain(),
            "measured": [_plain_measurement(one) for one in self.measured],
            "seconds": self.seconds,
            "partial": (one := self.partials.get(len(self.measured))) and one.plain(),
            "ahead": [[number, one.plain()] for number, one in self.partials.items() if number > len(self.measured)],
            "window": self.window,
            "stacked": self.stacked,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Findings:
        """Inverse of `plain`."""
        measured = [_measurement(one) for one in plain["measured"]]
        partials = dict(plain.get("ahead", ()))  # an older hptui trained one after another alone
        if plain["partial"]:
            partials[len(measured)] = plain["partial"]
        return cls(
            KeptStates.from_plain(plain["kept"]),
            measured,
            plain["seconds"],
            {number: PartialProbe.from_plain(one) for number, one in partials.items()},
            plain.get("window", 0),
            plain.get("stacked", 0),
        )


@dataclass
class PendingDecision:
    """A decision from its announcement to its choice."""

    home: Snapshot
    """the run's own state, which it leaves untouched"""
    losses: npt.NDArray[np.float32]
    """(validation images,) of that state"""
    loss: float
    search: dict[str, str]
    """the ranges that it searches; where they are changed, it begins anew"""
    memory: dict[str, Any]
    """of the strategy, as it was before"""
    images_probed: int
    images_checked: int
    """of the run, before"""
    began: float
    """by the training's clock; of one that was resumed as long before as it had taken"""
    own: Findings
    check: Findings | None = None

    def plain(self, now: float) -> dict[str, Any]:
        """Plain data for a checkpoint, but for `home`, which is the checkpoint's own state."""
        return {
            "losses": torch.from_numpy(self.losses),
            "loss": self.loss,
            "search": self.search,
            "memory": self.memory,
            "images_probed": self.images_probed,
            "images_checked": self.images_checked,
            "seconds": now - self.began,
            "own": self.own.plain(),
            "check": self.check and self.check.plain(),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any], home: Snapshot, now: float) -> PendingDecision:
        """Inverse of `plain`."""
        left = {name: plain[name] for name in ("loss", "search", "images_probed", "images_checked")}
        return cls(
            home=home,
            memory=copy.deepcopy(plain["memory"]),  # in the checkpoint it is the strategy's own, which will change
            losses=plain["losses"].cpu().numpy(),
            began=now - plain["seconds"],
            own=Findings.from_plain(plain["own"]),
            check=plain["check"] and Findings.from_plain(plain["check"]),
            **left,
        )


def _plain_measurement(one: Measurement) -> dict[str, Any]:
    plain = {entry.name: getattr(one, entry.name) for entry in dataclasses.fields(one)}
    evidence = one.evidence and {"values": torch.from_numpy(one.evidence.values), "resampled": one.evidence.resampled}
    return plain | {"candidate": vars(one.candidate), "losses": torch.from_numpy(one.losses), "evidence": evidence}


def _measurement(plain: dict[str, Any]) -> Measurement:
    losses, kept = plain["losses"].cpu().numpy(), plain.get("evidence")  # an older hptui kept none
    evidence = kept and Evidence(kept["values"].cpu().numpy(), kept["resampled"])
    candidate = Candidate(**plain["candidate"])
    return Measurement(**plain | {"candidate": candidate, "losses": losses, "evidence": evidence})
