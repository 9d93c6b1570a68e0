"""The trajectory and the learning curves in a small app."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from fabricate import (
    batches_trained,
    chosen,
    decision_started,
    ended_early,
    epoch_completed,
    finished_study,
    make_study,
    run_started,
    trained_epoch,
    values,
    whole_run,
    write_run,
)
from textual.binding import Binding
from textual.geometry import Region
from textual.pilot import Pilot

from hptui.reading.studies import FollowedStudy, follow
from hptui.record.events import AnyEvent, Axis
from hptui.record.study_directory import Study
from hptui.ui.drawing.colours import Palette
from hptui.ui.panels import Panel, key_hints
from hptui.ui.panels.curves import CurvesPanel
from hptui.ui.panels.trajectory import TrajectoryPanel
from ui.panel_host import make_scene, piloted, screen, shown

AXES = [
    Axis(name="lr", low=1e-4, high=1e-1, scale="log", values=[1e-4, 1e-3, 1e-2, 1e-1]),
    Axis(name="weight_decay", low=1e-5, high=1e-2, scale="log", values=[1e-5, 1e-2]),
    Axis(name="momentum", low=0.5, high=0.9, scale="linear", values=[0.5, 0.7, 0.9]),
]
SEARCH = {"lr": "1e-4:1e-1:log:4", "weight_decay": "1e-5:1e-2:log:2", "momentum": "0.5:0.9:lin:3"}


def three(epochs: int = 6, axes: list[Axis] = AXES) -> list[AnyEvent]:
    """A run that searches three hyperparameters; the learning rate falls from its high edge to its low edge."""
    events: list[AnyEvent] = [run_started(searched=axes, epochs=epochs)]
    for epoch in range(1, epochs + 1):
        found = values(max(1e-4, 10.0**-epoch)) | {"weight_decay": 1e-4 * epoch, "momentum": 0.6}
        events += [decision_started(epoch - 1, epoch, axes=axes), chosen(epoch - 1, epoch, values=found)]
        events += trained_epoch(epoch)[:-2]
        events.append(msgspec.structs.replace(epoch_completed(epoch), values=found))
    return events


@pytest.fixture
def searched(tmp_path: Path) -> FollowedStudy:
    study = make_study(tmp_path / "study", search=SEARCH, epochs=6)
    write_run(study, "baseline", 0, whole_run("baseline", epochs=6))
    write_run(study, "optimized", 0, three())
    return follow(study.directory)


def test_trajectories_are_stacked_where_there_is_room(searched: FollowedStudy) -> None:
    panel = TrajectoryPanel()
    text = "\n".join(shown(panel, make_scene(searched), (80, 46)))
    for title in (
        "learning rate 0.0001 in epoch 6, on the low edge; range 0.0001 to 0.1",
        "weight decay 0.0006",
        "momentum (Adam: beta 1) 0.6",
    ):
        assert title in text
    assert "baseline 0, off the log axis" in text
    for word in ("range", "baseline", "chosen", "on the high edge", "on the low edge", "1e-4", "0.9┤", "epoch"):
        assert word in text
    assert text.count("▲") == 2  # one epoch, and the legend
    assert text.count("▼") == 4
    assert panel.border_subtitle == ""


def test_chosen_and_in_force_are_told_apart(tmp_path: Path) -> None:
    """The rate of a schedule is a line of its own, below the range, and the legend has both."""
    axis = Axis(name="lr", low=1e-3, high=1e-1, scale="log", values=[1e-3, 1e-2, 1e-1])
    study = make_study(tmp_path / "study", epochs=4)
    events: list[AnyEvent] = [run_started(searched=[axis], epochs=4), decision_started(axes=[axis]), chosen(lr=0.01)]
    for epoch, lr in enumerate((0.01, 0.01, 0.005, 1e-5), start=1):
        events += [*trained_epoch(epoch)[:-2], epoch_completed(epoch, lr=lr)]
    write_run(study, "optimized", 0, events)
    text = "\n".join(shown(TrajectoryPanel(), make_scene(follow(study.directory), ascii=True), (90, 24)))
    assert "learning rate 0.01 chosen for epoch 4; 1e-05 in force at the end of epoch 4" in text
    assert ". in force at the end of the epoch" in text
    assert "- - range of the choice" in text
    assert "baseline" not in text
    chosen_row = next(row for row in text.split("\n") if "1e-2" in row)
    assert chosen_row.count("o") > 60  # level from the first epoch to the last


def test_the_legend_names_no_baseline_that_a_log_axis_cannot_show(searched: FollowedStudy) -> None:
    panel = TrajectoryPanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(searched))
        await pilot.press("n")
        await pilot.pause()
        text = "\n".join(screen(panel))
        assert "weight decay" in text
        assert text.count("baseline") == 1  # it is 0, off the log axis, as the heading says

    piloted(panel, script, (80, 14))


def test_n_goes_to_the_next_hyperparameter_and_round(searched: FollowedStudy) -> None:
    panel = TrajectoryPanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(searched))
        titles = []
        for _ in range(4):
            await pilot.pause()
            titles.append(next(row for row in screen(panel) if " in epoch 6" in row)[1:9])
            assert f"{['lr', 'weight_decay', 'momentum'][(len(titles) - 1) % 3]} | n for the next" in screen(panel)[-1]
            await pilot.press("n")
        assert titles == ["learning", "weight d", "momentum", "learning"]

    piloted(panel, script, (60, 14))


def test_two_of_three_charts_then_the_third(searched: FollowedStudy) -> None:
    panel = TrajectoryPanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(searched))
        await pilot.pause()
        assert "lr, weight_decay | n for the next" in screen(panel)[-1]
        await pilot.press("n")
        await pilot.pause()
        text = "\n".join(screen(panel))
        assert "momentum (Adam" in text
        assert "weight decay" not in text

    piloted(panel, script, (60, 20))


def test_a_baseline_and_an_empty_run_say_what_is_missing(tmp_path: Path, searched: FollowedStudy) -> None:
    assert "nothing is searched" in "".join(shown(TrajectoryPanel(), make_scene(searched, "baseline-0")))
    empty = follow(make_study(tmp_path / "empty").directory)
    assert "optimized-0 has not begun" in "".join(shown(TrajectoryPanel(), make_scene(empty)))
    assert "validation accuracy will stand here after the first epoch" in "".join(
        shown(CurvesPanel(), make_scene(empty))
    )


def test_what_will_appear_is_said_by_the_runs_that_are_to_come(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    for arm, searched in (("baseline", []), ("optimized", [])):
        write_run(study, arm, 0, [run_started(arm=arm, searched=searched, strategy="cosine")])
    followed = follow(study.directory)
    baseline, plain = (make_scene(followed, f"{arm}-0").nothing_yet("the heatmap") for arm in ("baseline", "optimized"))
    assert (
        baseline == "baseline-0 is a baseline: nothing is searched in it. The heatmap of optimized-0 will stand here."
    )
    assert plain == "cosine makes no decisions, so there is no heatmap of optimized-0."
    finished = follow(finished_study(tmp_path / "decided", [0.9], [0.95]).directory)
    decided = make_scene(finished, "baseline-0").nothing_yet("the heatmap")
    assert decided == (
        "baseline-0 is a baseline: nothing is searched in it. The heatmap of optimized-0 is there, with the key ]."
    )
    searching = make_study(tmp_path / "searching")
    write_run(searching, "optimized", 0, [run_started(searched=AXES)])
    words = make_scene(follow(searching.directory)).nothing_yet("the heatmap")
    assert words == "optimized-0 has made no decision yet. The heatmap will stand here with the first one."


def test_a_tall_panel_shows_the_loss_as_the_first_epoch_goes_on(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    batches = [batches_trained(1, batch, batches=50, loss=2.5 - batch / 50) for batch in range(1, 26)]
    write_run(study, "baseline", 0, [run_started(arm="baseline", searched=[]), *batches])
    scene = make_scene(follow(study.directory), "baseline-0")
    text = "\n".join(shown(CurvesPanel(), scene, (80, 20)))
    assert "validation accuracy will stand here after the first epoch" in text
    assert "training loss of baseline-0 2" in text
    assert text.count("·") > 20  # a point for each, and the legend
    low = "\n".join(shown(CurvesPanel(), scene, (80, 14)))  # no room for two
    assert "training loss" not in low
    assert CurvesPanel().change_key(scene) == CurvesPanel().change_key(scene)


def test_hints_tell_keys_from_words() -> None:
    def keys(words: str) -> list[str]:
        hints = key_hints(words)
        assert hints.plain == words
        return [hints.plain[span.start : span.end] for span in hints.spans if span.style == "bold"]

    assert keys("h l decision, f follow | enter uses it") == ["h l", "f", "enter"]
    assert keys("validation accuracy | m, t") == ["m", "t"]
    assert keys("lr, weight_decay | n for the next") == ["n"]


def test_panels_before_their_first_scene_are_blank() -> None:
    for panel in (TrajectoryPanel(), CurvesPanel()):

        async def script(pilot: Pilot[None], panel: Panel = panel) -> None:
            await pilot.press("n", "m", "t")
            await pilot.resize_terminal(30, 8)
            assert all(not row.strip("│ ") for row in screen(panel)[1:-1])

        piloted(panel, script)


def test_ranges_are_drawn_as_they_were(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", epochs=6)
    wide, narrow = AXES[0], msgspec.structs.replace(AXES[0], low=1e-3, high=1e-2)
    events = [
        msgspec.structs.replace(event, axes=[wide if event.epoch < 4 else narrow])
        if type(event).__name__ == "DecisionStarted"
        else event
        for event in three(axes=[wide])
    ]
    write_run(study, "optimized", 0, events)
    rows = shown(TrajectoryPanel(), make_scene(follow(study.directory), ascii=True), (60, 20))
    top = next(row for row in rows if row.lstrip("│ ").startswith("1e-1"))
    lower = next(row for row in rows if row.lstrip("│ ").startswith("1e-2"))
    half = 42  # the fourth of six epochs is at three fifths
    assert "-" in top[8:half]
    assert "-" not in top[half:]
    assert "-" in lower[half:]


@pytest.mark.parametrize("runs", [1, 20])
def test_curves_of_one_and_of_twenty_runs(tmp_path: Path, runs: int) -> None:
    accuracies = [0.9 + 0.004 * seed for seed in range(runs)]
    study = finished_study(tmp_path / "study", accuracies, [value + 0.01 for value in accuracies], epochs=5)
    panel = CurvesPanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(follow(study.directory)))
        await pilot.press("t")
        await pilot.pause()
        text = "\n".join(screen(panel))
        mean = sum(accuracies) / runs
        assert f"baseline {mean:.2%} ep. 5, n {runs}" in text
        assert f"optimized {mean + 0.01:.2%} ep. 5, n {runs}" in text
        assert ("lowest to highest run" in text) == (runs > 1)
        assert ("░" in text) == (runs > 1)

    piloted(panel, script)


def test_the_delivered_epoch_is_marked_where_it_is_not_the_last(tmp_path: Path) -> None:
    for delivered in (2, 5):
        study = make_study(tmp_path / str(delivered), epochs=5, runs=1)
        early = ended_early("optimized", 0, epochs=3, asked=5, delivered_epoch=delivered)
        write_run(study, "optimized", 0, early if delivered == 2 else whole_run(epochs=5, delivered_epoch=delivered))
        panel = CurvesPanel()

        async def script(pilot: Pilot[None], panel: CurvesPanel = panel, study: Study = study) -> None:
            panel.show(make_scene(follow(study.directory)))
            await pilot.pause()
            text = "\n".join(screen(panel))
            assert ("optimized-0 delivers ep. 2, ended at 3 of 5" in text) == ("◆" in text) == (study.name == "2")

        piloted(panel, script)


def test_keys_go_through_what_the_curves_show(searched: FollowedStudy) -> None:
    panel = CurvesPanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(searched))
        seen = []
        for key in ("m", "m", "m", "t", "m", "t"):
            await pilot.pause()
            seen.append((screen(panel)[-1].strip("╰─╯ "), "%" in "".join(screen(panel)), "\n".join(screen(panel))))
            await pilot.press(key)
        assert [title for title, _, _ in seen] == [
            f"{title} | m measure, t split"
            for title in (
                "validation accuracy",
                "validation loss",
                "validation sensitivity",
                "validation specificity",
                "test specificity",
                "test accuracy",
            )
        ]
        assert [percent for _, percent, _ in seen] == [True, False, True, True, True, True]
        assert len({text for _, _, text in seen}) == 6
        # of the matrix in `fabricate`, by hand: (45/50 + 32/40 + 8/10) / 3, (46/50 + 53/60 + 86/90) / 3
        assert "optimized 83.33% ep. 6, n 1" in seen[2][2]
        assert "optimized 91.96% ep. 6, n 1" in seen[3][2]

    piloted(panel, script)


@pytest.mark.parametrize(("width", "keys"), [(40, " | m, t"), (48, " | m, t"), (49, " | m measure, t split")])
def test_the_keys_of_the_curves_find_room_on_the_border(width: int, keys: str, searched: FollowedStudy) -> None:
    panel = CurvesPanel()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(searched))
        for _ in range(4):
            await pilot.press("m")
            await pilot.pause()
            last = screen(panel)[-1]
            assert "…" not in last
            if "sensitivity" in last:
                assert last.strip("╰─╯ ") == f"validation sensitivity{keys}"

    piloted(panel, script, (width, 20))


@pytest.mark.parametrize("kind", [TrajectoryPanel, CurvesPanel])
def test_resizing_to_nothing_and_back(kind: type[Panel], searched: FollowedStudy) -> None:
    panel = kind()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(searched))
        await pilot.pause()
        before = screen(panel)
        for size in ((20, 5), (3, 3), (160, 48), (23, 9), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert [len(row) for row in screen(panel)] == [size[0]] * size[1]
        assert screen(panel) == before

    piloted(panel, script)


@pytest.mark.parametrize("kind", [TrajectoryPanel, CurvesPanel])
def test_ascii_shows_only_ascii(kind: type[Panel], searched: FollowedStudy) -> None:
    for size in ((40, 12), (100, 30)):
        rows = shown(kind(), make_scene(searched, ascii=True, colour=False), size)
        assert all(row[1:-1].isascii() for row in rows[1:-1])


@pytest.mark.parametrize("kind", [TrajectoryPanel, CurvesPanel])
def test_a_scene_that_brings_nothing_new_is_not_drawn(
    kind: type[Panel], searched: FollowedStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, drawn = kind(), []
    render = kind.render
    monkeypatch.setattr(kind, "render", lambda self: (drawn.append(1), render(self))[1])

    async def script(pilot: Pilot[None]) -> None:
        scene = make_scene(searched)
        panel.show(scene)
        await pilot.pause()
        first = len(drawn)
        for _ in range(5):
            panel.show(replace(scene))
            await pilot.pause()
        assert len(drawn) == first
        panel.show(replace(scene, palette=Palette(ascii=True)))
        await pilot.pause()
        assert len(drawn) == first + 1
        searched.runs[0].state.apply(epoch_completed(7))
        panel.show(scene)
        await pilot.pause()
        assert len(drawn) > first + 1

    piloted(panel, script)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
def test_charts_keep_the_background_of_the_theme(theme: str, searched: FollowedStudy) -> None:
    panel = TrajectoryPanel()

    async def script(pilot: Pilot[None]) -> None:
        pilot.app.theme = theme
        panel.show(make_scene(searched))
        await pilot.pause()
        strips = panel.render_lines(Region(1, 1, panel.size.width, panel.size.height))
        grounds = {segment.style.bgcolor for strip in strips for segment in strip if segment.style}
        assert len(grounds) == 1

    piloted(panel, script)


def test_every_key_is_described_for_help_and_palette_and_left_out_of_the_footer() -> None:
    for kind, keys in ((TrajectoryPanel, {"n"}), (CurvesPanel, {"m", "t"})):
        bindings = [binding for binding in kind.BINDINGS if isinstance(binding, Binding)]
        assert {binding.key for binding in bindings if binding.description} == keys
        assert not any(binding.show for binding in bindings)
