"""What a run delivers may be of an epoch before its last; whoever reads it counts that epoch's images."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fabricate import edit_study, make_study, run_completed, run_started, trained_epoch, write_run

from hptui.reading.comparison.evidence import decisive_test
from hptui.reading.outcomes import confusions
from hptui.reading.run_state import state_of
from hptui.reading.studies import FollowedStudy
from hptui.reading.views.curves import delivered_points
from hptui.record.events import AnyEvent, EpochCompleted
from hptui.record.study_directory import open_study
from hptui.ui.drawing.event_words import event_words

EARLIER, LATER = [[8, 2], [1, 9]], [[5, 5], [5, 5]]


def events(delivered_epoch: int) -> list[AnyEvent]:
    """Two epochs with test accuracies of 85 and 50 %."""
    return [
        run_started(arm="optimized", epochs=2),
        *trained_epoch(1, 0.85, EARLIER),
        *trained_epoch(2, 0.5, LATER),
        run_completed(2, test_accuracy=0.85, delivered_epoch=delivered_epoch),
    ]


@pytest.mark.parametrize(("delivered_epoch", "expected"), [(1, EARLIER), (2, LATER), (0, LATER)])
def test_the_delivered_epoch_is_counted(tmp_path: Path, delivered_epoch: int, expected: list[list[int]]) -> None:
    study = make_study(tmp_path / "study", baseline="none", runs=1)
    write_run(study, "optimized", 0, events(delivered_epoch))
    followed = FollowedStudy(study)
    followed.refresh()
    (found,) = confusions(followed)
    assert [list(row) for row in found.counts] == expected
    assert decisive_test(followed.runs[0], "final").confusion == expected
    marked = delivered_points([followed.runs[0].state], "accuracy", "test")
    assert marked == (((1.0, 0.85),) if delivered_epoch == 1 else ())


def test_a_run_that_goes_on_says_what_it_would_deliver() -> None:
    first, *rest = events(0)[:-1]
    epochs = [event for event in rest if isinstance(event, EpochCompleted)]
    told = [first, *rest[: rest.index(epochs[1])]]
    last = msgspec.structs.replace(epochs[1], deliverable=1)
    state = state_of([*told, last])
    assert state.delivered is not None
    assert state.delivered.number == 1
    assert "delivers those of epoch 1" in event_words(last)
    assert state_of([first]).delivered is None


def test_a_study_of_an_earlier_hptui_delivers_the_last_epoch(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    assert open_study(study.directory).config.deliver == "one-se"
    edit_study(study.directory, lambda text: text.replace('deliver = "one-se"\n', ""))
    assert open_study(study.directory).config.deliver == "last"
