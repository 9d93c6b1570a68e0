"""Candidates that failed, in words: memory was too small for them, or own code raised."""

from __future__ import annotations

from hptui.record.events import CandidateScored
from hptui.space import describe


def failed_candidate_words(event: CandidateScored) -> str:
    """Which candidate of which decision, with which values, and why."""
    return (
        f"decision {event.decision + 1}: candidate {event.candidate + 1} failed, and is not chosen: "
        f"{event.failed} ({describe(event.values)})"
    )
