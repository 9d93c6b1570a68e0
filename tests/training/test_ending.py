"""When a run ends: early where it delivers the same anyway, later while its losses fall, as its schedule allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hptui.plan import Plan
from hptui.record.commands import UseValues
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    DecisionStarted,
    EndMoved,
    EpochCompleted,
    EpochsAdded,
    RunCompleted,
)
from hptui.record.run_directory import RunFile, create_run
from hptui.record.run_reader import RunReader
from hptui.schedules.constant import constant
from hptui.schedules.cosine import cosine
from hptui.schedules.late_decay import late_decay
from hptui.strategies import Outlook
from hptui.strategies.grid import Grid
from hptui.training.run.control import Control
from hptui.training.run.ending import Ending

from .conftest import NormDropNet, Once, Prepared, delivered, make_run, train_run
from .test_delivered_epoch import GETS_WORSE
from .test_exactness import StopAfter, assert_same, timeless
from .test_replay import train_as_recorded
from .test_steering import AddEpochs, Scripted, epoch_done

Make = Callable[..., Prepared]
FALLS: dict[str, Any] = {"epochs": 8, "longest": 1.5, "strategy": "fixed", "set": {"batch_size": 20, "lr": 1e-3}}
"""at such a rate the losses still fall in the tenth epoch"""
WORSE: dict[str, Any] = GETS_WORSE | {"factory": NormDropNet, "epochs": 12}
ASKED = 12


def end_of(lowest: Sequence[float], chosen: Sequence[int], *, longest: float = 1.0, schedule: Any = constant) -> int:
    """The epochs of a run of twelve whose lowest loss, and delivered epoch, go on like this; images differ a little."""
    ending, end = Ending(longest), ASKED
    for epoch, (loss, number) in enumerate(zip(lowest, chosen, strict=True), 1):
        losses = loss + 0.1 * np.random.default_rng(epoch).standard_normal(400)
        delivery: Any = SimpleNamespace(lowest=losses, chosen=SimpleNamespace(epoch=number))
        ending = Ending.from_plain(longest, ending.state())
        end = ending.moved(delivery, epoch, ASKED, end, schedule)
        if end <= epoch:
            break
    return end


def warm_up(progress: float) -> float:
    """Rises for a quarter of the run, and stays."""
    return min(1.0, 4 * progress)


FALLING, LAST = [1 - 0.03 * epoch for epoch in range(24)], [*range(1, 25)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"lowest": [1.0] * 24}, ASKED),
        ({"lowest": [1.0] * 24, "chosen": [1] * 24}, 4),
        ({"lowest": [1.0] * 24, "chosen": [1, 2, 3, 4, 5, 6] + [6] * 18}, 9),
        ({"lowest": [1.0] * 24, "chosen": [1, 2, 2, 2, 2, 6, *range(7, 25)]}, 5),
        ({"lowest": [1.0] * 24, "chosen": [1] * 24, "schedule": cosine}, ASKED),
        ({"lowest": [1.0] * 24, "chosen": [1] * 24, "schedule": late_decay}, 4),
        ({"lowest": [1.0] * 24, "chosen": [1, 2, 3, 4, 5] + [5] * 19, "schedule": late_decay}, ASKED),
        ({"lowest": [1.0] * 24, "chosen": [1] * 24, "schedule": warm_up}, 4),
        ({"longest": 1.0}, ASKED),
        ({"longest": 1.5}, 18),
        ({"longest": 1.6}, 19),
        ({"longest": 2.0}, 24),
        ({"longest": 2.0, "schedule": cosine}, ASKED),
        ({"longest": 2.0, "schedule": late_decay}, ASKED),
        ({"longest": 2.0, "lowest": [*FALLING[:9], *[FALLING[8]] * 15]}, ASKED),
        ({"longest": 2.0, "lowest": [*FALLING[:14], *[FALLING[13]] * 10]}, 18),
        ({"longest": 2.0, "lowest": [*FALLING[:9], *[FALLING[8] - 0.005] * 15]}, ASKED),  # less than chance
    ],
)
def test_the_end_follows_from_the_losses(changes: dict[str, Any], expected: int) -> None:
    assert end_of(**{"lowest": FALLING, "chosen": LAST} | changes) == expected


def test_other_values_are_given_time() -> None:
    delivery: Any = SimpleNamespace(lowest=np.ones(9), chosen=SimpleNamespace(epoch=1))
    ends = [Ending(1.0).moved(delivery, epoch, ASKED, ASKED, constant, since=5) for epoch in range(1, 12)]
    assert ends == [ASKED] * 7 + [8, 9, 10, 11]


def trained(made: Prepared, directory: Path, control: Control | None = None) -> list[AnyEvent]:
    if not directory.exists():
        create_run(directory, RunFile(1, "0", "optimized", 0, {}))
    train_run(directory, made, "optimized", 0, control or Control())
    return RunReader(directory).read()


def undisturbed(once: Once, made: Prepared) -> tuple[Path, list[AnyEvent]]:
    """A run from its start to its end, and its events."""
    run = once("undisturbed", made, lambda folder: trained(made, folder))
    return run, RunReader(run).read()


def of(events: list[AnyEvent], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_a_run_that_gets_worse_ends_early_with_the_same_network(prepare: Make) -> None:
    made = prepare(**WORSE)
    run, events = make_run(made)
    assert run.execute().completed
    whole, all_events = make_run(made.changed(stop="never"))
    assert whole.execute().completed
    end, all_end = events[-1], all_events[-1]
    assert isinstance(end, RunCompleted)
    assert isinstance(all_end, RunCompleted)
    assert (all_end.epoch, all_end.cost, all_end.end_moved) == (12, 1.0, 0)
    assert not of(all_events, EndMoved)
    assert end.epoch == end.delivered_epoch + 3 < 12
    assert end.asked == 12
    assert end.cost == end.epoch / 12
    (moved,) = of(events, EndMoved)
    assert (moved.epoch, moved.epochs, moved.asked, moved.deliverable) == (
        end.epoch,
        end.epoch,
        12,
        end.delivered_epoch,
    )
    assert end.delivered_epoch == all_end.delivered_epoch
    assert_same(delivered(run), delivered(whole))


@pytest.mark.parametrize("arm", ["baseline", "optimized"])
def test_a_run_whose_losses_fall_goes_on_in_both_arms(prepare: Make, arm: str) -> None:
    made = prepare(**FALLS)
    run, events = make_run(made, arm)
    assert run.execute().completed
    end = events[-1]
    assert isinstance(end, RunCompleted)
    assert (end.epoch, end.asked, end.cost) == (12, 8, 1.5)
    assert [(moved.epoch, moved.epochs) for moved in of(events, EndMoved)] == [(8, 10), (10, 12)]
    assert [epoch.end_moved for epoch in of(events, EpochCompleted)] == [0] * 7 + [2, 2, 4, 4, 4]
    asked, _ = make_run(made.changed(epochs=12, stop="never"), arm)
    assert asked.execute().completed
    assert_same(delivered(run), delivered(asked))


@pytest.mark.parametrize(
    "settings",
    [FALLS | {"schedule": "cosine"}, FALLS | {"longest": 1.0}, FALLS | {"epochs": 7}, WORSE | {"deliver": "last"}],
)
def test_what_keeps_the_end_where_it_is(prepare: Make, settings: dict[str, Any]) -> None:
    run, events = make_run(prepare(**settings))
    assert run.execute().completed
    assert not of(events, EndMoved)
    assert len(of(events, EpochCompleted)) == settings["epochs"]


def test_a_run_does_not_end_before_its_last_decision(prepare: Make) -> None:
    made = prepare(**WORSE | {"strategy": "grid", "search": {"lr": "0.15:0.16:lin:2"}, "decide_at": [1, 11]})
    run, events = make_run(made)
    assert run.execute().completed
    decided, end = of(events, DecisionStarted), events[-1]
    assert isinstance(end, RunCompleted)
    assert [event.epoch for event in decided] == [1, 11]
    assert end.epoch == 12
    early, early_events = make_run(made.changed(decide_at=[1]))
    assert early.execute().completed
    ended = of(early_events, RunCompleted)[0].epoch
    assert ended < 11
    later, later_events = make_run(made.changed(decide_at=[1, ended]))
    assert later.execute().completed
    assert of(later_events, RunCompleted)[0].epoch >= min(ended + 2, 12)


@pytest.mark.parametrize(("settings", "stops"), [(WORSE, (440, 400)), (FALLS, (80, 24, 10))])
def test_a_stopped_run_comes_to_the_same_end(
    prepare: Make, once: Once, tmp_path: Path, settings: dict[str, Any], stops: tuple[int, ...]
) -> None:
    made = prepare(**settings)
    _, straight = undisturbed(once, made)
    for stop in stops:
        trained(made, tmp_path / "stopped", StopAfter(stop))
    again = trained(made, tmp_path / "stopped")
    assert timeless(again[-1]) == timeless(straight[-1])
    assert of(again, EpochCompleted)[-1].end_moved == of(straight, EpochCompleted)[-1].end_moved != 0


@pytest.mark.parametrize("settings", [WORSE, FALLS])
def test_a_moved_end_is_replayed(prepare: Make, once: Once, tmp_path: Path, settings: dict[str, Any]) -> None:
    made = prepare(**settings)
    run, events = undisturbed(once, made)
    assert train_as_recorded(made, run, tmp_path / "again") == 0
    again = RunReader(tmp_path / "again").read()
    assert of(again, RunCompleted)[0].epoch == of(events, RunCompleted)[0].epoch != made.config.epochs


class CannotTell(Grid):
    """Its plan has a mistake."""

    def plan(self, outlook: Outlook) -> Plan:
        raise ZeroDivisionError


def test_decisions_that_cannot_be_foretold_are_waited_for(prepare: Make) -> None:
    made = prepare(**WORSE | {"strategy": "grid", "search": {"lr": "0.15:0.16:lin:2"}, "decide_at": [1, 11]})
    run, events = make_run(made)
    run.strategy = run._foresight.strategy = CannotTell(12, (1, 11))
    assert run.execute().completed
    assert [event.epoch for event in of(events, DecisionStarted)] == [1, 11]


def test_a_run_does_not_end_while_something_is_asked_of_it(prepare: Make, once: Once, tmp_path: Path) -> None:
    _, events = undisturbed(once, prepare(**WORSE))
    ended = of(events, RunCompleted)[0].epoch
    asked = UseValues(run="optimized-0", values={"lr": 1e-4})
    control = Scripted(tmp_path, {lambda event: isinstance(event, BatchesTrained) and event.epoch == ended: asked})
    run, _ = make_run(prepare(**WORSE), emit=control.emit, control=control)
    assert run.execute().completed
    (end,) = control.of(RunCompleted)
    assert end.epoch > ended


def test_epochs_that_somebody_adds_are_trained(prepare: Make, once: Once, tmp_path: Path) -> None:
    """Also to a run that has ended early: it trains so many more, whatever its losses say."""
    _, events = undisturbed(once, prepare(**WORSE))
    ended = of(events, RunCompleted)[0].epoch
    control = Scripted(tmp_path, {epoch_done(ended): AddEpochs(epochs=5)})
    run, _ = make_run(prepare(**WORSE), emit=control.emit, control=control)
    assert run.execute().completed
    assert [event.epochs for event in control.of(EpochsAdded)] == [17]
    (end,) = control.of(RunCompleted)
    assert (end.epoch, end.asked) == (ended + 5, 17)
