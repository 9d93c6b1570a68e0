"""What a run comes to, in plain words: which epoch it delivers and why, what its search cost and changed."""

from __future__ import annotations

from hptui.plan import epochs_words
from hptui.reading.run_state import RunState
from hptui.record.events import EndMoved
from hptui.space import describe

RULE = "one standard error of the lowest calibrated validation loss"


def delivery_words(state: RunState, rule: str) -> str:
    """Words for the epoch whose weights a run delivers, or would now; empty before one is completed.

    Args:
        state: of the run.
        rule: the study's --deliver.
    """
    delivered, newest = state.delivered, state.epochs_completed
    if delivered is None:
        return ""
    verb = "delivers" if state.completed is not None else "would deliver"
    now = "" if state.completed is not None else " now"
    of = state.completed.epoch if state.completed is not None else state.end
    return f"{verb} epoch {delivered.number} of {of}{now}: {_why(state, delivered.number, newest, rule)}"


def _why(state: RunState, delivered: int, newest: int, rule: str) -> str:
    losses = {
        epoch.number: epoch.completed.calibrated_loss
        for epoch in state.epochs
        if epoch.completed is not None and epoch.completed.calibrated_loss is not None
    }
    if rule == "last" or not losses:
        return "the last one" if state.completed is not None else "the newest one"
    known = {number: loss for number, loss in losses.items() if loss is not None}
    lowest = min(known, key=lambda number: known[number])
    if delivered == lowest:
        later = f", and none after it is within one standard error of that ({known[lowest]:.4g})" * (delivered < newest)
        return f"its calibrated validation loss is the lowest{later}"
    return f"the latest within {RULE} (epoch {lowest}, {known[lowest]:.4g})"


def delivery_mark(state: RunState) -> str:
    """What is delivered in a few characters, where it is not the newest epoch: "delivers ep. 17"."""
    delivered = state.delivered
    return f"delivers ep. {delivered.number}" if delivered and delivered.number < state.epochs_completed else ""


def end_words(moved: EndMoved) -> str:
    """Words for an end that a run's own losses have moved: "ends after epoch 12 of 30: ..."."""
    if moved.epochs <= moved.epoch:
        after = f"none after epoch {moved.deliverable} is within {RULE}"
        return f"ends after epoch {moved.epoch} of {moved.asked}: {after}, so that what it delivers changes no more"
    fell = f"the calibrated validation loss fell until epoch {moved.epoch}, by more than two standard errors lately"
    return f"goes on to {moved.epochs} epochs, {moved.asked} were asked for: {fell}"


def length_words(state: RunState) -> str:
    """Words for where a run has come to its end, or will; empty where that is where it was asked to."""
    moved, asked = state.end_moved, state.epochs_planned
    if not moved:
        return ""
    why = "its losses still fell" if moved > 0 else "what it delivers changed no more"
    if state.completed is None:
        return f"{'goes on to' if moved > 0 else 'ends with'} {state.end} epochs, {asked} were asked for: {why}"
    return f"trained {state.completed.epoch} epochs, {asked} were asked for: {why}"


def end_mark(state: RunState) -> str:
    """How the end was moved, in a few characters: "ended early", "goes on"."""
    return "" if not state.end_moved else "ended early" if state.end_moved < 0 else "goes on"


def search_words(state: RunState) -> str:
    """Words for what the search of a completed run cost, and which values it changed; empty where it tried nothing."""
    started, tried = state.started, [decision for decision in state.decisions if decision.tried]
    if state.completed is None or started is None or not tried or not started.images_per_epoch:
        return ""
    plain = state.completed.asked * started.images_per_epoch
    choices = [decision.chosen for decision in state.decisions if decision.chosen is not None]
    changes, kept = [], []
    for axis in started.searched:
        before, after = started.values.get(axis.name), choices[-1].values.get(axis.name) if choices else None
        if before is None or after is None:
            continue
        if describe({axis.name: before}) == describe({axis.name: after}):
            kept.append(axis.name)
        else:
            changes.append(f"{axis.name} {before:.3g} -> {after:.3g}")
    where = epochs_words([decision.started.epoch for decision in tried])
    words = f"the search before {where}: {state.images_probed / plain:.2f} plain trainings of probes, "
    words += f"{state.completed.cost:.2f} with the training; {', '.join(changes) or 'no value changed'}"
    return words + f"; {', '.join(kept)} as before" * bool(changes and kept)
