"""In which epochs of a run a value was one that somebody set by hand, and not one that a search came to."""

from __future__ import annotations

from hptui.reading.run_state import RunState
from hptui.record.events import ValuesRequested


def epochs_by_hand(name: str, run: RunState) -> list[int]:
    """Epochs, of those completed or decided for, with a value of this hyperparameter that was set by hand.

    It stays one after the strategy chooses again, until a decision tries values of it or gives it another one.
    """
    requests = [change for change in run.changes if isinstance(change.event, ValuesRequested)]
    if not requests:
        return []
    decided = {decision.chosen.epoch: decision for decision in run.decisions if decision.chosen is not None}
    completed = [epoch.number for epoch in run.epochs if epoch.completed is not None]
    found: list[int] = []
    held: dict[str, float] = {}
    by_hand, value = False, run.started.values.get(name) if run.started is not None else None
    for epoch in range(1, max([*decided, *completed], default=0) + 1):
        for change in requests:
            if change.epoch == epoch and isinstance(change.event, ValuesRequested):
                held = change.event.values
        before, decision = value, decided.get(epoch)
        if decision is not None and decision.chosen is not None:
            value = decision.chosen.values.get(name, value)
        if held:
            by_hand = by_hand or name in held
        elif decision is not None and (decision.tries(name) or value != before):
            by_hand = False
        if by_hand:
            found.append(epoch)
    return found
