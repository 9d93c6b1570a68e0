"""The panel that says what comes: as much as it has room for, whole words, and why the last choice was made."""

from __future__ import annotations

from pathlib import Path

import pytest
from fabricate import chosen, configuration, decision_started, make_study, run_completed, run_started, write_run

from hptui.plan import Plan, Round, Stage
from hptui.reading.studies import follow
from hptui.record.events import DecisionsPlanned, ValuesRequested
from hptui.record.presence import Presence
from hptui.record.study_directory import create_study
from hptui.ui.panels.plan import PlanPanel

from .panel_host import make_scene, shown

SCREEN = Stage((3,), ("dropout",), (Round(3, 1.0), Round(2, 1.0)), "screen", at_most=True)


def words(lines: list[str]) -> str:
    """What stands within the border."""
    return " ".join(" ".join(line.strip("│┃╭╮╰╯─ ") for line in lines).split())


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
def test_the_next_decision_and_the_reason_of_the_last(tmp_path: Path, size: tuple[int, int]) -> None:
    cost = {"baseline": 1.0, "optimized": 1.5}
    study = create_study(tmp_path / "s", configuration(epochs=4), "f" * 64, cost, plans={"optimized": Plan((SCREEN,))})
    told = DecisionsPlanned(epoch=1, stages=[SCREEN])
    events = [run_started(epochs=4), told]
    for number, reason in enumerate(("guessed", "the best of all")):
        events += [decision_started(number, 1), chosen(number, 1, reason=reason)]
    write_run(study, "optimized", 0, events)
    followed = follow(study.directory)
    found = words(shown(PlanPanel(), make_scene(followed), size))
    assert "next decision before epoch 3: screen of dropout, 3 candidates for 1 epoch, then at most 2" in found
    assert 0 < found.index("chosen for epoch 1: the best of all") < found.index("chosen for epoch 1: guessed")


def test_beside_a_baseline_stands_what_the_optimized_run_will_decide(tmp_path: Path) -> None:
    cost = {"baseline": 1.0, "optimized": 1.5}
    study = create_study(tmp_path / "s", configuration(epochs=4), "f" * 64, cost, plans={"optimized": Plan((SCREEN,))})
    write_run(study, "baseline", 0, [run_started(arm="baseline", epochs=4)])

    def beside() -> str:
        return words(shown(PlanPanel(), make_scene(follow(study.directory), "baseline-0"), (80, 24)))

    assert (
        "baseline-0: baseline, nothing is decided. optimized-0: next decision before epoch 3: screen of dropout, "
        "3 candidates for 1 epoch, then at most 2 for 1 cost about 1.50 plain trainings" in beside()
    )
    write_run(study, "optimized", 0, [run_started(epochs=4), run_completed(4)])
    assert beside() == "Plan baseline-0: baseline, nothing is decided baseline-0"  # on the border, too


def test_values_by_hand_are_told_with_the_key_that_gives_the_choice_back(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", epochs=4)
    events = [run_started(epochs=4), ValuesRequested(by="me", epoch=2, values={"lr": 0.1})]
    directory = write_run(study, "optimized", 0, events)
    with Presence(directory):
        found = words(shown(PlanPanel(), make_scene(follow(study.directory)), (80, 24)))
    assert "by hand: lr 0.1; nothing is decided until the strategy chooses again u: the strategy" in found
