"""The rounds of a decision: candidates that were trained equally far, so that their scores can be compared.

A strategy may let the best of a round go on, or train what it tries next for longer; after four times as many steps a
score is another number, whatever the values are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hptui.plan import length_number, length_words
from hptui.reading.run_state import Decision
from hptui.record.events import CandidateScored


@dataclass(frozen=True)
class ProbeRound:
    """Candidates that began equally far from where their decision began, and were trained for as long."""

    number: int
    """0, 1, 2, ... within the decision"""
    candidates: tuple[CandidateScored, ...]
    images: int
    """of each of its probes"""
    images_before: int = 0
    """that its probes' starts were trained within the decision already"""

    @property
    def total(self) -> int:
        """Images from where the decision began to the scores."""
        return self.images_before + self.images


@dataclass(frozen=True)
class _Reach:
    """How far a candidate came within its decision."""

    probes: int
    """one after the other, its own counted"""
    images: int
    batch: int
    """the largest on the way: by so many images the length of each probe may be rounded"""


def probe_rounds(decision: Decision) -> tuple[ProbeRound, ...]:
    """Rounds in the order in which they began; none where nothing was measured.

    Members of a population, which begin where an earlier decision left them, are compared as they are, however long
    each was trained since; the run itself is one of them, and needs a batch at most to be measured.
    """
    own, reach = decision.started.decision, dict[int, _Reach]()
    begun = [one.start is not None and one.start[0] != own for one in decision.candidates]
    members = {
        one.candidate
        for one, earlier in zip(decision.candidates, begun, strict=True)
        if earlier or (any(begun) and one.start is None and one.steps <= 1)
    }
    grouped: list[list[CandidateScored]] = []
    for one in decision.candidates:
        reach[one.candidate] = _reach(one, own, reach)
        # how far one that failed was to come is not known: it was tried with those before it
        order = reversed(grouped) if one.failed else grouped
        fitting = (group for group in order if _belongs(one, group, reach, members))
        if (group := next(fitting, None)) is not None:
            group.append(one)
        else:
            grouped.append([one])
    return tuple(_round(number, group, reach) for number, group in enumerate(grouped))


def _belongs(
    one: CandidateScored, group: Sequence[CandidateScored], reach: dict[int, _Reach], members: Collection[int]
) -> bool:
    """Whether it was trained from as far, and as far, as those of a group."""
    first = next((other for other in group if not other.failed), group[0])
    mine, other = reach[one.candidate], reach[first.candidate]
    if mine.probes != other.probes:
        return False
    if {one.candidate, first.candidate} & set(members):
        return one.candidate in members and first.candidate in members
    as_far = abs(mine.images - other.images) < max(mine.batch, other.batch) * mine.probes
    return as_far or bool(one.failed or first.failed)


def _reach(one: CandidateScored, decision: int, reach: dict[int, _Reach]) -> _Reach:
    batch = max(int(one.values.get("batch_size", 1)), 1)
    before = reach.get(one.start[1]) if one.start is not None and one.start[0] == decision else None
    if before is None:
        return _Reach(1, one.images, batch)
    return _Reach(before.probes + 1, before.images + one.images, max(before.batch, batch))


def _round(number: int, group: Sequence[CandidateScored], reach: dict[int, _Reach]) -> ProbeRound:
    images = max(one.images for one in group)
    total = max(reach[one.candidate].images for one in group)
    return ProbeRound(number, tuple(group), images, total - images)


def round_words(one: ProbeRound, rounds: int, images_per_epoch: int) -> str:
    """How many candidates, probed for how long, and which of several rounds they are."""
    count, length = len(one.candidates), _length(one.images, images_per_epoch)
    words = f"{count} candidate{'s' * (count != 1)} for {length}"
    if one.images_before:
        total = length_number(one.total / images_per_epoch) if images_per_epoch > 0 else f"{one.total:,}"
        words = f"{count} for {length} more ({total} in all)"
    return f"round {one.number + 1} of {rounds}: {words}" if rounds > 1 else words


def _length(images: int, images_per_epoch: int) -> str:
    if images_per_epoch <= 0:  # an older log: the model had not seen the data yet
        return f"{images:,} images"
    return length_words(images / images_per_epoch)
