"""What somebody changed by hand while a study ran: in which run, from which epoch on, who, what. In plain sentences."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from hptui.config import StudyConfig
from hptui.reading.run_state import Change
from hptui.reading.studies import FollowedStudy
from hptui.record.events import Axis, EpochsAdded, RangesChanged, RunResumed, ValuesRequested
from hptui.space import describe


def changes(study: FollowedStudy) -> tuple[str, ...]:
    """Sentences on every change, in the order they were made; empty: the study is what its settings say."""
    made = [(change.event.time, run.name, change) for run in study.runs for change in run.state.changes]
    made.sort(key=lambda entry: entry[0])
    told = [f"{name}, {_what(change)}" for _, name, change in made]
    kinds = {type(change.event) for _, _, change in made}
    return (*told, *_without_event(study.study.config_at_start, study.study.config, kinds))


def _what(change: Change) -> str:
    """What was changed, from when on, and by whom."""
    match change.event:
        case RangesChanged() as event:
            words = f"from {ranges_words(event.old)} to {ranges_words(event.new)}"
            return f"before epoch {change.epoch}: ranges {words}, here and in later runs{_author(event)}"
        case ValuesRequested() as event if not event.values:
            return f"before epoch {change.epoch}: the strategy chooses again{_author(event)}"
        case ValuesRequested() as event:
            return f"from epoch {change.epoch} on: {describe(event.values)} held{_author(event)}"
        case EpochsAdded() as event:
            words = f"{change.epochs_before} epochs became {event.epochs}, in every run"
            return f"during or before epoch {change.epoch}: {words}{_author(event)}"
        case RunResumed() as event:
            before = change.epochs_before
            return f"from epoch {change.epoch} on: went on to {event.epochs} epochs; until then it was to have {before}"


def _author(event: RangesChanged | ValuesRequested | EpochsAdded) -> str:
    return f" (by {event.by}, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(event.time))})"


def ranges_words(axes: Sequence[Axis]) -> str:
    """Ranges in a line: lr 0.001..0.1 (5)."""
    return ", ".join(f"{axis.name} {axis.low:g}..{axis.high:g} ({len(axis.values)})" for axis in axes) or "none"


def _without_event(begun: StudyConfig, now: StudyConfig, kinds: set[type]) -> Iterator[str]:
    """Sentences on settings that differ from those at the start though no run's log has the change."""
    unknown = "; no log says since when, or by whom"
    if now.search != begun.search and RangesChanged not in kinds:
        old, new = (", ".join(f"{name}={text}" for name, text in one.search.items()) for one in (begun, now))
        yield f"the ranges are {new or 'none'}, and were {old or 'none'} at the start{unknown}"
    if now.epochs != begun.epochs and not kinds & {EpochsAdded, RunResumed}:
        yield f"the epochs are {now.epochs}, and were {begun.epochs} at the start{unknown}"
