"""Candidates of a decision that are trained ahead, side by side, as stacked replicas of the run's network.

What comes of it is what a stop within a probe leaves: candidates in training (`PartialProbe`), here at the end of their
probes, which `Prober` goes on with, and measures, one after another as ever. So nothing else of a decision knows of
it, a checkpoint has all of them, and where it fails, whatever the reason, they are trained one after another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch

from hptui.config.study import Replicas
from hptui.errors import HptuiError, failure_words
from hptui.strategies import Candidate
from hptui.training.engine.failures import is_out_of_memory
from hptui.training.engine.loop import Trainer
from hptui.training.engine.replicas.footprint import most_at_once
from hptui.training.engine.replicas.kinship import Digests, kinship, training_problem, values_problem
from hptui.training.engine.replicas.moments import Moments
from hptui.training.engine.replicas.stack import Skeleton, Stack
from hptui.training.engine.state import Snapshot
from hptui.training.run.autosave import Autosave
from hptui.training.run.control import Control, StopRequested
from hptui.training.run.failing import free_memory
from hptui.training.run.pending import Findings, PartialProbe

TIMED = 3
"""steps of the measurement of each way, after as many that are not timed"""


@dataclass(frozen=True)
class Planned:
    """A candidate whose probe is ahead."""

    candidate: Candidate
    start: Callable[[], Snapshot]
    """raises TrainingError where it is not kept"""
    epochs: float


@dataclass(frozen=True)
class Probing:
    """A candidate before a step of its probe."""

    number: int
    candidate: Candidate
    moment: Snapshot
    """shares tensors with others, and none of them is changed"""
    batches: int
    """of the whole probe"""
    done: PartialProbe
    """what is behind it"""
    kept: bool
    """whether a checkpoint has brought that"""


@dataclass
class SideBySide:
    """What one run knows of training its candidates side by side; checkpoints keep nothing of it."""

    trainer: Trainer
    wanted: Replicas
    control: Control
    autosave: Autosave
    why_not: str = ""
    """why some of the last candidates were trained one after another; empty where nobody asked for more"""
    _broken: str = ""
    """why nothing is tried any more"""
    _skeleton: Skeleton | None = None
    _most: int = 0
    """replicas that fit the memory; 0: not known yet"""
    _pays: dict[int, str] = field(default_factory=dict)
    """why not, or nothing, by the size of a stack as a power of two"""

    @property
    def is_asked(self) -> bool:
        """Whether to try: on a CPU it never paid (RESULTS.md), and the last bits are others."""
        return self.wanted == "stacked" or (self.wanted == "auto" and self.trainer.state.device.type == "cuda")

    def train(self, planned: Sequence[Planned], findings: Findings) -> int:
        """Train those of the next candidates that can be, and leave them among the findings; how many were looked at.

        Raises:
            StopRequested: the findings have them as far as they have come.
        """
        if not self.is_asked or len(planned) < 2:
            return len(planned)
        problems = (values_problem(one.candidate.values) for one in planned)
        self.why_not = self._broken or training_problem(self.trainer) or next(filter(None, problems), "")
        while not self.why_not:
            try:
                return self._train_window(planned, findings)
            except (StopRequested, HptuiError):
                raise
            except Exception as error:
                free_memory(self.trainer.state)
                if is_out_of_memory(error) and self._most > 2:
                    self._most, findings.window = self._most // 2, 0
                else:
                    self.why_not = self._broken = f"stacked they fail: {failure_words(error)}"
        return len(planned)

    def _train_window(self, planned: Sequence[Planned], findings: Findings) -> int:
        """Train as many as fit the memory, those that are kin in one stack."""
        first = len(findings.measured)
        self._most = self._most or most_at_once(self.trainer)
        if findings.window <= first:
            findings.window = first + self._most
        window = planned[: findings.window - first]
        families: dict[Hashable, list[Probing]] = {}
        moments, digests = Moments(self.trainer), Digests()
        for number, one in enumerate(window, first):
            if (probing := self._probing(number, one, findings, moments)) is not None:
                key = (kinship(probing.moment, self.trainer, digests), probing.batches, probing.done.batches)
                families.setdefault(key, []).append(probing)
        stacks = [family for family in families.values() if len(family) > 1]
        if not stacks and not self.why_not and sum(map(len, families.values())) > 1:
            self.why_not = "no two of them see the same images and draw the same random numbers"
        for family in stacks:
            if self._pay(family):
                self._train(family, findings)
        return len(window)

    def _probing(self, number: int, planned: Planned, findings: Findings, moments: Moments) -> Probing | None:
        """Where a candidate is to go on; None where it is at its end, or cannot begin."""
        if (done := findings.partials.get(number)) is not None:
            moments.at(done.state)
            batches = self.trainer.batches(planned.epochs)
            return (
                Probing(number, planned.candidate, done.state, batches, done, kept=True)
                if done.batches < batches
                else None
            )
        try:
            moment = moments.begun(planned.start(), planned.candidate.values)
        except HptuiError:  # it is told where the candidate's turn comes
            return None
        none = PartialProbe(0, 0.0, 0, 0.0, moment, stacked=True)
        return Probing(number, planned.candidate, moment, self.trainer.batches(planned.epochs), none, kept=False)

    def _stack(self, family: Sequence[Probing]) -> Stack:
        self._skeleton = self._skeleton or Skeleton(self.trainer.state.network)
        return Stack(self.trainer, self._skeleton, [one.moment for one in family])

    def _pay(self, family: Sequence[Probing]) -> bool:
        """Whether a stack of this size is faster than one after another: measured once, where it was not asked for."""
        size = len(family).bit_length()
        if self.wanted == "auto" and size not in self._pays:
            self.trainer.state.restore(family[0].moment)
            one = self._milliseconds(self.trainer.step) * len(family)
            stacked = self._milliseconds(self._stack(family).step)
            slower = f"a step of {len(family)} takes {one:.3g} ms one after another, and {stacked:.3g} ms stacked"
            self._pays[size] = "" if stacked < one else slower
        self.why_not = self._pays.get(size, "") or self.why_not
        return not self._pays.get(size)

    def _milliseconds(self, step: Callable[[], object]) -> float:
        for _ in range(TIMED):
            step()
        self._wait()
        began = time.perf_counter()
        for _ in range(TIMED):
            step()
        self._wait()
        return 1000 * (time.perf_counter() - began) / TIMED

    def _wait(self) -> None:
        if self.trainer.state.device.type == "cuda":
            torch.cuda.synchronize(self.trainer.state.device)

    def _train(self, family: Sequence[Probing], findings: Findings) -> None:
        """Train a family to the end of its probes."""
        began, stack = self.control.clock(), self._stack(family)
        device = self.trainer.state.device
        losses = torch.tensor([one.done.loss for one in family], dtype=torch.float64, device=device)
        images = 0

        def leave(batches: int) -> None:
            seconds, totals = (self.control.clock() - began) / len(family), losses.tolist()
            for index, one in enumerate(family):
                done, total = one.done, totals[index]
                findings.partials[one.number] = PartialProbe(
                    batches,
                    total,
                    done.images + images,
                    done.seconds + seconds,
                    stack.snapshot(index),
                    True,
                    one.candidate,
                )

        for batches in range(family[0].done.batches, family[0].batches):
            self._safe_point(partial(leave, batches), family, findings)
            loss, count = stack.step()
            losses += loss * count
            images += count
            for _ in family:
                self.autosave.stepped()
        leave(family[0].batches)

    def _safe_point(self, leave: Callable[[], object], family: Sequence[Probing], findings: Findings) -> None:
        """Between two steps: where the training is stopped or saved, it is gone on with later."""
        try:
            self.control.check()
            if not self.autosave.is_due():
                return
        except StopRequested:
            leave()
            raise
        leave()
        self.autosave.save()
        for one in family:  # what was left for the checkpoint is going to be trained
            if one.kept:
                findings.partials[one.number] = one.done
            else:
                del findings.partials[one.number]
