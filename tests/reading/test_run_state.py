"""What a run is, folded from its events."""

from __future__ import annotations

import pytest
from fabricate import (
    AXIS,
    batches_trained,
    candidate_scored,
    checkpoint_saved,
    chosen,
    decision,
    decision_started,
    epoch_completed,
    evaluated,
    run_completed,
    run_resumed,
    run_started,
    trained_epoch,
    values,
    whole_run,
)

from hptui.reading.run_state import RunState, state_of
from hptui.record.events import AnyEvent, RunFailed, RunStopped


def test_a_run_that_has_not_begun() -> None:
    state = state_of([])
    assert state == RunState()
    assert (state.cost, state.epochs_completed, state.values) == (0.0, 0, {})


def test_a_whole_run() -> None:
    state = state_of(whole_run(epochs=3, test_accuracy=0.8))
    assert state.started == run_started(epochs=3)
    assert state.completed == run_completed(3, test_accuracy=0.8)
    assert (state.stopped, state.failed) == (None, None)
    assert [epoch.number for epoch in state.epochs] == [1, 2, 3]
    assert state.epochs_completed == 3
    assert [made.started.decision for made in state.decisions] == [0, 1, 2]
    assert (state.images_trained, state.images_probed, state.seconds) == (300, 180, 12.0)
    assert state.cost == pytest.approx((300 + 180) / 300)
    assert state.values == values(0.01)


def test_folding_step_by_step_is_the_same_as_at_once() -> None:
    events = whole_run()
    state = RunState()
    for event in events:
        state.apply(event)
    assert state == state_of(events)


def test_a_decision_holds_its_candidates_in_order_and_the_choice() -> None:
    (made,) = state_of([run_started(), *decision(0, 1)]).decisions
    assert made.started == decision_started(0, 1)
    assert [event.candidate for event in made.candidates] == [0, 1, 2]
    assert [event.values["lr"] for event in made.candidates] == AXIS.values
    assert made.chosen == chosen(0, 1)


def test_probes_count_as_they_happen() -> None:
    state = state_of([run_started(), decision_started(), candidate_scored(images=20), candidate_scored(images=30)])
    assert (state.images_probed, state.images_trained) == (50, 0)
    assert state.cost == pytest.approx(50 / 200)
    assert state.decisions[-1].chosen is None
    assert state.seconds == 1.0
    state.apply(chosen(seconds=2.5))  # how long the whole decision took, its two probes included
    assert state.seconds == 2.5


def test_values_in_force_follow_what_was_read_back() -> None:
    state = state_of([run_started(values=values(0.5))])
    assert state.values["lr"] == 0.5
    for event, lr in (
        (chosen(lr=0.25), 0.25),
        (batches_trained(lr=0.125), 0.125),
        (epoch_completed(lr=0.0625), 0.0625),
    ):
        state = state_of([run_started(), decision_started(), event])
        assert state.values["lr"] == lr


def test_training_counts_batch_by_batch_and_the_end_of_an_epoch_settles_it() -> None:
    state = state_of(
        [
            run_started(),
            batches_trained(batch=2, images=40, seconds=1.0),
            batches_trained(batch=4, images=40, seconds=1.5),
        ]
    )
    assert (state.images_trained, state.seconds) == (80, 2.5)
    assert state.last_batches == batches_trained(batch=4, images=40, seconds=1.5)
    state.apply(epoch_completed(images_trained=100, images_probed=7, seconds=9.0))
    assert (state.images_trained, state.images_probed, state.seconds) == (100, 7, 9.0)


def test_the_result_of_an_epoch_is_of_the_delivered_weights() -> None:
    evaluations = [
        evaluated(split="validation", weights="last", accuracy=0.1),
        evaluated(split="validation", weights="averaged", accuracy=0.2),
        evaluated(split="test", weights="averaged", accuracy=0.3),
    ]
    state = state_of([run_started(), batches_trained(), *evaluations])
    (epoch,) = state.epochs
    assert (epoch.validation, epoch.test) == (None, None)  # not known before the epoch is completed
    assert len(epoch.evaluations) == 3
    assert state.epochs_completed == 0
    state.apply(epoch_completed(delivered="averaged"))
    assert (epoch.validation, epoch.test) == (evaluations[1], evaluations[2])
    other = state_of([run_started(), *evaluations, epoch_completed(delivered="last")]).epochs[0]
    assert (other.validation, other.test) == (evaluations[0], None)


def test_a_checkpoint_changes_nothing_but_the_time() -> None:
    before, after = state_of(whole_run()), state_of([*whole_run(), checkpoint_saved()])
    assert before == after
    stamped = RunStopped(time=123.0, reason="x", epoch=0, step=0)
    assert state_of([run_started(), stamped]).time == 123.0


def test_how_a_run_ended() -> None:
    stopped, failed = RunStopped(reason="SIGINT", epoch=1, step=5), RunFailed(error="ValueError: x")
    assert state_of([run_started(), stopped]).stopped == stopped
    assert state_of([run_started(), failed]).failed == failed
    assert state_of([run_started(), run_completed(seconds=77.0)]).seconds == 77.0


def interrupted() -> list[AnyEvent]:
    """Killed in the third decision, with a checkpoint after the first epoch."""
    return [
        run_started(epochs=3),
        *decision(0, 1),
        *trained_epoch(1),
        *decision(1, 2),
        *trained_epoch(2),
        decision_started(2, 3),
        candidate_scored(2, 0),
    ]


def test_going_back_voids_what_came_after_the_checkpoint() -> None:
    at = run_resumed(epoch=1, step=5, images_trained=100, images_probed=60, seconds=4.0, decisions=1)
    state = state_of([*interrupted(), RunFailed(error="x"), RunStopped(reason="y", epoch=2, step=10), at])
    standing = state_of(interrupted()[: 1 + len(decision(0, 1)) + len(trained_epoch(1))])
    assert state.epochs == standing.epochs
    assert state.decisions == standing.decisions
    assert (state.images_trained, state.images_probed, state.seconds) == (100, 60, 4.0)
    assert (state.failed, state.stopped, state.completed, state.last_batches) == (None, None, None, None)
    assert state.started == standing.started


def test_going_on_after_an_interruption_ends_like_a_run_without_one() -> None:
    at = run_resumed(epoch=1, epochs=3, step=5, images_trained=100, images_probed=60, seconds=4.0, decisions=1)
    rest = [*decision(1, 2), *trained_epoch(2), *decision(2, 3), *trained_epoch(3), run_completed(3)]
    assert state_of([*interrupted(), at, *rest]) == state_of(whole_run(epochs=3))


def test_an_interrupted_decision_is_void_and_made_again() -> None:
    at = run_resumed(epoch=2, step=10, images_trained=200, images_probed=120, seconds=8.0, decisions=2)
    state = state_of([*interrupted(), at])
    assert [made.started.decision for made in state.decisions] == [0, 1]
    assert state.images_probed == 120
    assert [epoch.number for epoch in state.epochs] == [1, 2]
    again = state_of([*interrupted(), at, *decision(2, 3)])
    assert [len(made.candidates) for made in again.decisions] == [3, 3, 3]


def test_going_back_into_an_epoch_keeps_its_decision_and_voids_its_evaluations() -> None:
    at = run_resumed(epoch=1, step=7, images_trained=140, images_probed=120, seconds=6.0, decisions=2)
    half = [*interrupted()[: -len(trained_epoch(2)) - 2], batches_trained(2, 2, images=40), evaluated(2)]
    state = state_of([*half, at])
    assert [made.started.decision for made in state.decisions] == [0, 1]
    assert [epoch.number for epoch in state.epochs] == [1]
    assert state.images_trained == 140
    assert state.values == chosen(1, 2).values


def test_going_back_restores_the_values_that_stand() -> None:
    start = [run_started(values=values(0.5)), decision_started(), chosen(lr=0.25), *trained_epoch(1)]
    later = [decision_started(1, 2), chosen(1, 2, lr=0.75), batches_trained(2, lr=0.75)]
    for position, lr in (
        ({"epoch": 0, "decisions": 0}, 0.5),
        ({"epoch": 0, "decisions": 1}, 0.25),
        ({"epoch": 1, "decisions": 1}, trained_epoch(1)[4].values["lr"]),
        ({"epoch": 1, "decisions": 2}, 0.75),
    ):
        assert state_of([*start, *later, run_resumed(**position)]).values["lr"] == lr, position


def test_a_run_without_any_checkpoint_begins_again() -> None:
    state = state_of([*interrupted(), run_resumed()])
    fresh = state_of([run_started(epochs=3)])
    assert (state.epochs, state.decisions, state.cost, state.values) == ([], [], 0.0, fresh.values)


def test_a_run_that_has_not_seen_its_data_has_no_cost_yet() -> None:
    assert state_of([run_started(images_per_epoch=0), batches_trained()]).cost == 0.0
