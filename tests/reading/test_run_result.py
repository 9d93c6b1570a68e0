"""What a run comes to in words: the epoch that it delivers and why, what its search cost and changed."""

from __future__ import annotations

import msgspec
import pytest
from adaptive_log import adaptive_run
from fabricate import epoch_completed, run_completed, run_resumed, run_started, trained_epoch

from hptui.reading.run_result import delivery_mark, delivery_words, end_mark, length_words, search_words
from hptui.reading.run_state import RunState, state_of
from hptui.record.events import EndMoved, EpochCompleted
from hptui.ui.drawing.event_words import event_words


def trained(losses: list[float | None], deliverable: list[int], *, done: bool = False) -> RunState:
    """A run of four epochs with these calibrated losses, and what it would have delivered after each."""
    events = [run_started(epochs=4)]
    for number, (loss, would) in enumerate(zip(losses, deliverable, strict=True), 1):
        events += [
            msgspec.structs.replace(event, calibrated_loss=loss, deliverable=would)
            if isinstance(event, EpochCompleted)
            else event
            for event in trained_epoch(number)
        ]
    end = [run_completed(len(losses), delivered_epoch=deliverable[-1])] if done else []
    return state_of([*events, *end])


@pytest.mark.parametrize(
    ("losses", "deliverable", "words", "mark"),
    [
        ([0.5], [1], "would deliver epoch 1 of 4 now: its calibrated validation loss is the lowest", ""),
        (
            [0.5, 0.4, 0.41],
            [1, 2, 3],
            "would deliver epoch 3 of 4 now: the latest within one standard error of the lowest calibrated validation "
            "loss (epoch 2, 0.4)",
            "",
        ),
        (
            [0.5, 0.4, 0.41, 0.6],
            [1, 2, 3, 3],
            "delivers epoch 3 of 4: the latest within one standard error of the lowest calibrated validation loss "
            "(epoch 2, 0.4)",
            "delivers ep. 3",
        ),
        (
            [0.5, 0.4, 0.5, 0.6],
            [1, 2, 2, 2],
            "delivers epoch 2 of 4: its calibrated validation loss is the lowest, and none after it is within one "
            "standard error of that (0.4)",
            "delivers ep. 2",
        ),
    ],
)
def test_which_epoch_is_delivered_and_why(
    losses: list[float | None], deliverable: list[int], words: str, mark: str
) -> None:
    state = trained(losses, deliverable, done=len(losses) == 4)
    assert delivery_words(state, "one-se") == words
    assert delivery_mark(state) == mark


def test_the_last_epoch_and_older_logs_need_no_reason() -> None:
    assert delivery_words(trained([None, None], [0, 0]), "one-se") == "would deliver epoch 2 of 4 now: the newest one"
    done = trained([None] * 4, [0] * 4, done=True)
    assert delivery_words(done, "last") == "delivers epoch 4 of 4: the last one"
    assert delivery_words(state_of([run_started()]), "one-se") == ""


def test_the_log_says_why_an_earlier_epoch_is_delivered() -> None:
    earlier = event_words(run_completed(4, delivered_epoch=2))
    assert "of epoch 2 at cost" in earlier
    assert earlier.endswith("; the latest of 4 within one standard error of the lowest calibrated validation loss")
    assert "standard error" not in event_words(run_completed(4, delivered_epoch=4))


def test_the_end_of_a_run_says_what_its_search_cost_and_changed() -> None:
    events = adaptive_run()
    assert search_words(state_of(events)) == ""  # not at its end yet
    end = run_completed(3, images_trained=300, images_probed=120, cost=1.4)
    state = state_of([*events, end])
    assert search_words(state) == (
        f"the search before epochs 1, 3: {state.images_probed / 300:.2f} plain trainings of probes, 1.40 with the "
        "training; lr 0.001 -> 0.01, weight_decay 0 -> 0.000464"
    )
    assert search_words(state_of([run_started(), *trained_epoch(1), run_completed(1)])) == ""


@pytest.mark.parametrize(
    ("moved", "done", "words", "mark", "end"),
    [
        (0, False, "", "", 4),
        (2, False, "goes on to 6 epochs, 4 were asked for: its losses still fell", "goes on", 6),
        (-2, True, "trained 2 epochs, 4 were asked for: what it delivers changed no more", "ended early", 2),
        (-2, False, "ends with 2 epochs, 4 were asked for: what it delivers changed no more", "ended early", 2),
    ],
)
def test_where_a_run_comes_to_its_end(moved: int, done: bool, words: str, mark: str, end: int) -> None:
    events = [run_started(epochs=4), epoch_completed(1), epoch_completed(2, end_moved=moved)]
    state = state_of([*events, *([run_completed(2, end_moved=moved)] if done else [])])
    assert (length_words(state), end_mark(state), state.end) == (words, mark, end)
    if moved and not done:  # killed before that was saved
        assert state_of([*events, run_resumed(epoch=1, epochs=4)]).end == 4


def test_the_log_says_why_an_end_was_moved() -> None:
    early = event_words(EndMoved(epoch=9, epochs=9, asked=12, deliverable=6))
    assert early.endswith(
        "ends after epoch 9 of 12: none after epoch 6 is within one standard error of the lowest calibrated "
        "validation loss, so that what it delivers changes no more"
    )
    late = event_words(EndMoved(epoch=12, epochs=15, asked=12, deliverable=12))
    assert "goes on to 15 epochs, 12 were asked for" in late
