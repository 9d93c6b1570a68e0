"""Train from a script or a notebook: no screen, no files.

python examples/in_memory.py
"""

from __future__ import annotations

from hptui.reading.run_state import state_of
from hptui.record.events import AnyEvent, EpochCompleted, HyperparametersChosen
from hptui.space import describe
from hptui.training import train


def show(event: AnyEvent) -> None:
    """Print decisions and epochs as they happen; every fact of a run is an event."""
    if isinstance(event, HyperparametersChosen):
        print(f"before epoch {event.epoch}: {event.reason}")
    if isinstance(event, EpochCompleted):
        print(f"epoch {event.epoch}: trained with {describe(event.values, ['lr', 'dropout'])}")


def main() -> None:
    """Choose learning rate and dropout before epochs 1, 2 and 4 of six."""
    result = train(
        dataset="digits",
        model="lenet",
        strategy="grid",
        epochs=6,
        decide_at=[1, 2, 4],
        search={"lr": "1e-4:1e-1:log:5", "dropout": "0:0.5:lin:2"},
        on_event=show,
    )
    print(f"test accuracy {result.test_accuracy:.2%} at a cost of {result.cost:.2f} plain trainings")
    state = state_of(result.events)  # all decisions, epochs and values, ready for analysis
    diverged = sum(candidate.diverged for decision in state.decisions for candidate in decision.candidates)
    print(f"{len(state.decisions)} decisions, {diverged} diverged candidates; result.network is ready for use")


if __name__ == "__main__":
    main()
