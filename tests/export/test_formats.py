"""What an export can be asked for, in which colours, and that two exports of one study are equal."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from coarse import COARSE, draw_coarsely, leave_undrawn
from fabricate import (
    candidate_scored,
    decision_started,
    finished_study,
    make_study,
    python,
    run_started,
    two_class_study,
    write_run,
)
from matplotlib.figure import Figure
from PIL import Image

import hptui.export.pictures
from hptui.__main__ import main
from hptui.cli.for_screens import export_files
from hptui.errors import UsageError
from hptui.export import export
from hptui.export.formats import FORMATS, parse_formats
from hptui.export.pictures import Picture, pictures
from hptui.reading.studies import FollowedStudy, follow
from hptui.record.presence import Presence
from hptui.record.run_directory import EVENTS_FILE

EVERYTHING = ",".join(FORMATS)


def test_formats_are_read_from_a_list() -> None:
    assert parse_formats("png") == ("png",)
    assert parse_formats(" GIF, csv,png,csv ") == ("png", "csv", "gif")
    with pytest.raises(UsageError, match=r"unknown format 'pmg'. Did you mean 'png'\?"):
        parse_formats("svg,pmg")
    with pytest.raises(UsageError, match="no format is named"):
        parse_formats(" ,")


def test_an_unknown_format_is_told_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished_study(tmp_path / "study", [0.5], [0.7])
    assert main(["export", str(tmp_path / "study"), "--format", "tensorbord"]) == 2
    assert "Did you mean 'tensorboard'?" in capsys.readouterr().err
    assert not (tmp_path / "study" / "export").exists()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A folder with a study and `out`, all that can be exported of it; and these files."""
    folder = tmp_path_factory.mktemp("exported")
    study = two_class_study(folder / "study", runs=1)
    with pytest.MonkeyPatch.context() as patch:
        draw_coarsely(patch)
        return folder, export(follow(study.directory), folder / "out", FORMATS, each_decision=True)


def test_two_exports_are_equal_to_the_byte(
    tmp_path: Path, exported: tuple[Path, list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, first = exported
    draw_coarsely(monkeypatch)
    second = export(follow(folder / "study"), tmp_path / "out", FORMATS, each_decision=True)
    assert [file.relative_to(folder) for file in first] == [file.relative_to(tmp_path) for file in second]
    assert {file.suffix for file in first} == {".png", ".svg", ".pdf", ".csv", ".hptui", ".gif"}
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name


def test_vector_files_have_the_size_of_the_picture_and_text_that_any_machine_can_show(
    exported: tuple[Path, list[Path]],
) -> None:
    files = [file for file in exported[1] if file.suffix in (".png", ".svg", ".pdf")]
    pictures = [file for file in files if file.suffix == ".png"]
    assert len(files) == 3 * len(pictures)
    for picture in pictures:
        with Image.open(picture) as opened:
            points = [72 * side / COARSE for side in opened.size]
        drawing = picture.with_suffix(".svg").read_text("utf-8")
        size = re.search(r'<svg [^>]*width="([\d.]+)pt" height="([\d.]+)pt"|height="([\d.]+)pt".*?width="([\d.]+)pt"',
                         drawing, re.DOTALL)  # fmt: skip
        assert size is not None
        assert sorted(float(side) for side in size.groups() if side) == pytest.approx(sorted(points), abs=0.5)
        assert "<text" not in drawing  # outlines: the font is not on every machine
        document = picture.with_suffix(".pdf").read_bytes()
        assert b"/FontFile2" in document  # TrueType, within the file
        assert b"/Type3" not in document


def test_a_picture_is_drawn_once_for_all_of_its_formats_and_is_the_same_in_each_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    (cost,) = [picture for picture in pictures(follow(study.directory)) if picture.name == "cost"]
    drawn: list[Figure] = []
    counted = cost._replace(draw=lambda: drawn.append(cost.draw()) or drawn[-1])
    monkeypatch.setattr(hptui.export.pictures, "pictures", lambda *_, **__: [counted])
    together = export(follow(study.directory), tmp_path / "together", ["png", "svg", "pdf"])
    assert len(drawn) == 1
    for file in together:
        (alone,) = export(follow(study.directory), tmp_path / "alone", [file.suffix[1:]])
        assert alone.read_bytes() == file.read_bytes(), file.suffix


@pytest.mark.parametrize(("theme", "paper"), [("light", (255, 255, 255)), ("dark", (20, 23, 26))])
def test_paper_and_ink_are_those_of_the_theme(
    tmp_path: Path, theme: str, paper: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_coarsely(monkeypatch)
    study = two_class_study(tmp_path / "study", runs=1)
    assert main(["export", str(study.directory), "--theme", theme, "--format", "png,gif"]) == 0
    files = sorted((study.directory / "export").iterdir())
    assert len(files) == 8
    for file in files:
        with Image.open(file) as picture:
            shown = picture.convert("RGB")
        corners = [(0, 0), (shown.width - 1, 0), (0, shown.height - 1), (shown.width - 1, shown.height - 1)]
        assert [shown.getpixel(corner) for corner in corners] == [pytest.approx(paper, abs=4)] * 4, file.name
        levels = shown.convert("L").histogram()
        ink = sum(levels[:60] if theme == "light" else levels[200:])
        assert ink > (500 if file.suffix == ".gif" else 500 * (COARSE / 300) ** 2), file.name


def test_each_decision_has_a_picture_of_its_own_where_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = finished_study(tmp_path / "study", [0.5], [0.7])

    def singles_alone(study: FollowedStudy, **asked: bool) -> list[Picture]:
        return [picture for picture in pictures(study, **asked) if picture.name.startswith("heatmaps/")]

    monkeypatch.setattr(hptui.export.pictures, "pictures", singles_alone)
    assert main(["export", str(study.directory), "--each-decision"]) == 0
    singles = sorted((study.directory / "export" / "heatmaps").iterdir())
    assert [file.name for file in singles] == ["optimized-0-decision-001.png", "optimized-0-decision-002.png"]
    for file in singles:
        with Image.open(file) as picture:
            assert picture.width == 1050


def test_a_study_that_is_being_written_with_a_torn_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_study(tmp_path / "study", runs=2)
    write_run(study, "baseline", 0, [run_started(arm="baseline", searched=[])])
    folder = write_run(study, "optimized", 0, [run_started(), decision_started(), candidate_scored()])
    with (folder / EVENTS_FILE).open("ab") as file:
        file.write(b'{"event":"CandidateScored","decision":0,"cand')
    with Presence(folder):
        assert main(["export", str(study.directory), "--format", EVERYTHING]) == 0
    printed = capsys.readouterr()
    names = {Path(line).name for line in printed.out.splitlines()}
    assert {"trajectories.png", "heatmaps-optimized-0-page1.pdf", "heatmaps-optimized-0.gif", "candidates.csv"} <= names
    assert "confusion.png" not in names
    missing = [line for line in printed.err.splitlines() if line.startswith("missing: ")]
    assert "optimized-0 (running)" in missing[0]
    assert missing[1:] == [
        "missing: heatmaps of optimized-1: no decision in the log",
        "missing: learning curves: no epoch is completed",
        "missing: accuracies, cost and confusion: no run is completed",
    ]


def test_an_empty_study_writes_nothing_in_any_format(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    assert export(follow(study.directory), tmp_path / "out", FORMATS) == []


def test_runs_without_predictions_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_undrawn(monkeypatch)
    study = two_class_study(tmp_path / "study", runs=1)
    (study.directory / "baseline-0" / "predictions.npz").unlink()
    lines: list[str] = []
    files = export(follow(study.directory), tmp_path / "out", progress=lines.append)
    assert "roc.png" in {file.name for file in files}
    assert "missing: ROC curve of baseline-0: no predictions saved by this run" in lines


def test_the_extra_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finished_study(tmp_path / "study", [0.5], [0.7])
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert main(["export", str(tmp_path / "study"), "--format", "csv,tensorboard"]) == 2
    assert "pip install 'hptui[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "study" / "export").exists()


def test_all_formats_without_the_extra_are_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_undrawn(monkeypatch)
    study = finished_study(tmp_path / "study", [0.5], [0.7])
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    lines: list[str] = []
    outcome = export_files(study.directory, ",".join(FORMATS), lines.append, lambda: False)
    assert {file.suffix for file in outcome.files} == {".png", ".svg", ".pdf", ".csv", ".gif"}
    assert [line for line in lines if line.startswith("missing:")] == []
    assert outcome.missing == ("--format tensorboard needs the package tensorboard: pip install 'hptui[tensorboard]'.",)
    with pytest.raises(UsageError, match="needs the package tensorboard"):
        export_files(study.directory, "tensorboard", lines.append, lambda: False)


def test_tables_and_event_files_need_no_matplotlib_and_no_torch(tmp_path: Path) -> None:
    finished_study(tmp_path / "study", [0.5], [0.7])
    code = "import sys\nfrom hptui.__main__ import main\nassert main(sys.argv[1:]) == 0\n"
    code += "print(*{name.partition('.')[0] for name in sys.modules})"
    done = python(code, "export", tmp_path / "study", "--format", "csv,tensorboard")
    assert done.returncode == 0, done.stderr
    assert not {"matplotlib", "torch", "textual", "tensorflow"} & set(done.stdout.splitlines()[-1].split())
