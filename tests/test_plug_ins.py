"""A plug-in is one file and no edit elsewhere: one of each kind, in a package of its own, is found everywhere.

The files are the examples of CONTRIBUTING, as they stand there. A study is trained with all of them; then form, help,
ranges dialog, dashboard, export and log are searched for each.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nursery
import pytest
from fabricate import environment, python

from hptui import registry

CONTRIBUTING = Path(__file__).resolve().parents[1] / ".github" / "CONTRIBUTING.md"
PATIENCE_SECONDS = 200
SHELF = '''
"""A data set that takes a path."""
from pathlib import Path
from hptui_examples.datasets_bars import bars
from hptui.datasets import DatasetRequest

__all__ = ["shelf"]
TAKES_PATH = True


def shelf(request):
    assert Path(request.argument).is_dir()
    return bars(DatasetRequest(image_size=12))
'''
LOOK = """
import asyncio, json, sys
from pathlib import Path
from textual.app import App
from hptui.reading.studies import follow
from hptui.record.study_directory import open_study
from hptui.ui.app import HptuiApp
from hptui.ui.panels import Panel
from hptui.ui.screens.new_study import NewStudyScreen
from hptui.ui.screens.ranges_dialog import RangesDialog
from hptui.ui.widgets.choice import Choice
from hptui.ui.widgets.setting_row import SettingRow
from hptui.ui.widgets.range_row import RangeRow

study, seen = Path(sys.argv[1]), {}


async def look() -> None:
    async with App().run_test(size=(160, 100)) as pilot:
        await pilot.app.push_screen(NewStudyScreen())
        await pilot.pause()
        await pilot.app.screen.action_more()
        await pilot.pause()
        seen["form"] = {row.setting: [*row.query_one(Choice).labels]
                        for row in pilot.app.screen.query(SettingRow) if row.query("Choice")}
        seen["form"]["ranges"] = [row.setting for row in pilot.app.screen.query(RangeRow)]
        await pilot.app.push_screen(RangesDialog(open_study(study).config.space, {}))
        await pilot.pause()
        seen["dialog"] = [row.setting for row in pilot.app.screen.query(RangeRow)]
    for size in ((120, 40), (160, 48)):
        app = HptuiApp(watch=study)
        async with app.run_test(size=size) as pilot:
            for _ in range(300):
                await asyncio.sleep(0.1)
                panels = {panel.heading: list(panel.size) for panel in app.screen.query(Panel)}
                shown = app.export_screenshot().replace("&#160;", " ")
                if "optimized-0" in shown and "1.00" in shown and ("gradient clipping" in shown or size[0] < 160):
                    break
            seen[f"{size[0]}x{size[1]}"] = {"panels": panels, "shown": shown}


asyncio.run(look())
assert "torch" not in sys.modules, "looking at a study needs no torch"
print(json.dumps(seen))
"""


@dataclass(frozen=True)
class Plugged:
    """A study that was trained with the plug-ins of another package, and what was seen of it."""

    study: Path
    names: dict[str, str]
    """of the plug-ins, by folder"""
    events: list[dict[str, Any]]
    seen: dict[str, Any]
    help: str
    tables: str
    elsewhere: dict[str, tuple[int, str]]
    """what commands say of the study, exit code first, where the package is not installed"""


def write_package(place: Path) -> dict[str, str]:
    """Write a package with an entry point for every example; the names by folder."""
    package, metadata = place / "hptui_examples", place / "hptui_examples-1.0.dist-info"
    package.mkdir()
    metadata.mkdir()
    (package / "__init__.py").touch()
    examples = re.findall(
        r"^```python\n# hptui/([\w/]+)/(\w+)\.py\n(.*?)^```", CONTRIBUTING.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    groups: dict[str, str] = {}
    for folder, name, code in [*examples, ("datasets", "shelf", SHELF)]:
        module = f"{folder.replace('/', '_')}_{name}"
        (package / f"{module}.py").write_text(code, "utf-8")
        (factory,) = re.findall(r'^__all__ = \["(\w+)"\]', code, re.MULTILINE)
        kind = folder.replace("/", ".")
        groups[kind] = groups.get(kind, "") + f"{name} = hptui_examples.{module}:{factory}\n"
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hptui-examples\nVersion: 1.0\n", "utf-8")
    points = "".join(f"[hptui.{kind}]\n{lines}" for kind, lines in groups.items())
    (metadata / "entry_points.txt").write_text(points, "utf-8")
    return {folder.replace("/", "."): name for folder, name, _ in examples}


@pytest.fixture(scope="module")
def plugged(tmp_path_factory: pytest.TempPathFactory) -> Plugged:
    place = tmp_path_factory.mktemp("plug-ins")
    names = write_package(place)
    images, study = place / "some images", place / "study"
    images.mkdir()
    wide = environment() | {"COLUMNS": "200"}
    installed = wide | {"PYTHONPATH": os.pathsep.join([str(place), wide["PYTHONPATH"]])}

    def run(*words: object) -> str:
        done = nursery.run(*words, packages=place, env=wide, timeout=PATIENCE_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def look() -> dict[str, Any]:
        """Look at it in a process in which nothing is imported."""
        done = python(LOOK, study, env=installed, timeout=PATIENCE_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen

    def without(*words: object) -> tuple[int, str]:
        done = nursery.run(*words, env=wide, timeout=PATIENCE_SECONDS)
        return done.returncode, done.stdout + done.stderr

    flags = {
        "dataset": f"shelf:{images}", "model": names["models"], "optimizer": names["optimizers"],
        "loss": names["losses"], "schedule": names["schedules"], "strategy": names["strategies"],
        "engine": names["engines"], "train-size": 300, "epochs": 2, "runs": 1, "horizon": 0.1, "out": study,
    }  # fmt: skip
    given = [word for flag, value in flags.items() for word in (f"--{flag}", value)]
    search = ["--search", "lr=1e-3:1e-2:log:3", "--search", f"{names['hyperparameters']}=0:5:lin:3"]
    run("run", "--headless", "--threads", 1, *given, *search)
    run("export", study, "--format", "csv", "--to", place / "tables")
    return Plugged(
        study=study,
        names=names,
        events=[json.loads(line) for line in (study / "optimized-0" / "events.jsonl").read_text("utf-8").splitlines()],
        seen=look(),
        help=" ".join(run("run", "--help").split()),
        tables="\n".join(file.read_text("utf-8") for file in sorted((place / "tables").rglob("*.csv"))),
        elsewhere={
            "list": without("list", place),
            "compare": without("compare", study),
            "export": without("export", study, "--format", "csv", "--to", place / "other tables"),
            "replay": without("replay", study / "optimized-0"),
        },
    )


def test_every_kind_has_an_example(plugged: Plugged) -> None:
    assert set(plugged.names) == set(registry.FOLDERS)


@pytest.mark.parametrize(
    ("setting", "folder"),
    [
        ("dataset", "datasets"),
        ("model", "models"),
        ("optimizer", "optimizers"),
        ("loss", "losses"),
        ("schedule", "schedules"),
        ("strategy", "strategies"),
        ("baseline", "strategies"),
        ("engine", "engines"),
    ],
)
def test_a_plug_in_that_a_setting_names_is_in_help_form_and_log(plugged: Plugged, setting: str, folder: str) -> None:
    name = plugged.names[folder]
    assert re.search(rf"--{setting} VALUE [^-]*\b{name}\b", plugged.help)
    assert name in plugged.seen["form"][setting]
    started = plugged.events[0]
    if setting not in ("dataset", "baseline", "engine"):
        assert started[setting] == name
    if setting == "dataset":
        assert started["dataset"] == "bars"  # as the data set calls itself


def test_a_strategy_decides_and_says_how_many_candidates_it_plans(plugged: Plugged) -> None:
    decisions = [event for event in plugged.events if event["event"] == "DecisionStarted"]
    scored = [event for event in plugged.events if event["event"] == "CandidateScored"]
    assert [decision["planned"] for decision in decisions] == [14, 14]
    assert len(scored) == 2 * 14
    assert [event["reason"] for event in plugged.events if event["event"] == "HyperparametersChosen"] == [
        "the last of 8"
    ] * 2


def test_a_schedule_scales_the_rate_that_a_strategy_chose(plugged: Plugged) -> None:
    chosen = [event["values"]["lr"] for event in plugged.events if event["event"] == "HyperparametersChosen"]
    trained = {event["epoch"]: event["values"]["lr"] for event in plugged.events if event["event"] == "BatchesTrained"}
    assert trained == {1: pytest.approx(chosen[0]), 2: pytest.approx(chosen[1] / 2)}


def test_a_hyperparameter_is_everywhere(plugged: Plugged) -> None:
    name = plugged.names["hyperparameters"]
    assert re.search(rf"--search NAME=\.\.\. [^-]*\b{name}\b", plugged.help)
    assert re.search(rf"--set NAME=\.\.\. [^-]*\b{name}\b", plugged.help)
    assert f"search.{name}" in plugged.seen["form"]["ranges"]
    assert f"search.{name}" in plugged.seen["dialog"]
    scored = [event["values"][name] for event in plugged.events if event["event"] == "CandidateScored"]
    assert len(set(scored)) > 5
    assert all(0 <= value <= 5 for value in scored)
    chosen = [event["values"][name] for event in plugged.events if event["event"] == "HyperparametersChosen"]
    trained = {event["epoch"]: event["values"][name] for event in plugged.events if event["event"] == "BatchesTrained"}
    assert list(trained.values()) == chosen
    assert name in plugged.tables
    assert "gradient clipping" in plugged.seen["160x48"]["shown"]


@pytest.mark.parametrize("size", ["120x40", "160x48"])
def test_a_panel_has_a_place_and_a_size_of_its_own(plugged: Plugged, size: str) -> None:
    panels, shown = plugged.seen[size]["panels"], plugged.seen[size]["shown"]
    assert len(panels) == 9
    width, height = panels["Cost"]
    assert width >= 40
    assert height >= 3
    assert "too small" not in shown
    assert re.search(r"baseline-0 +1\.00", shown)


def test_a_data_set_that_takes_a_path_writes_none(plugged: Plugged) -> None:
    assert "shelf:PATH" in plugged.help
    for file in ("study.toml", "optimized-0/run.json", "optimized-0/events.jsonl"):
        text = (plugged.study / file).read_text("utf-8")
        assert str(plugged.study.parent) not in text, file
    assert 'dataset = "shelf:some images"' in (plugged.study / "study.toml").read_text("utf-8")


def test_a_study_is_read_where_its_plug_ins_are_not_installed_but_not_trained(plugged: Plugged) -> None:
    for command in ("list", "compare", "export"):
        code, words = plugged.elsewhere[command]
        assert code == 0, words
    assert plugged.names["strategies"] in plugged.elsewhere["list"][1]
    assert "optimized" in plugged.elsewhere["compare"][1]
    code, words = plugged.elsewhere["replay"]
    assert code == 2
    assert words.startswith("hptui: unknown ")
    assert words.count("\n") == 1
