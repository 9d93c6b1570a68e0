"""Candidates and epochs that failed, in words: memory was too small for them, or own code raised."""

from __future__ import annotations

from hptui.record.events import CandidateScored, RunResumed
from hptui.space import describe


def failed_candidate_words(event: CandidateScored) -> str:
    """Which candidate of which decision, with which values, and why."""
    return (
        f"decision {event.decision + 1}: candidate {event.candidate + 1} failed, and is not chosen: "
        f"{event.failed} ({describe(event.values)})"
    )


def failed_epoch_words(event: RunResumed) -> str:
    """Which epoch is trained anew, and why; empty where a run went on after an interruption."""
    return f"epoch {event.epoch + 1} failed, and is trained anew: {event.failed}" if event.failed else ""
