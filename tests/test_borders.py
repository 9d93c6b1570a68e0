"""Who may import whom: the architecture as a test."""

from __future__ import annotations

import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest
from fabricate import PATIENCE_SECONDS, finished_study, python

REPOSITORY = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "torchvision", "textual", "matplotlib")
RUN = """
import json, sys
from hptui.__main__ import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted({name.partition('.')[0] for name in sys.modules})]))
"""
FIRST_PICTURE = """
import sys
import hptui.cli.screen
from hptui.ui.app import HptuiApp
hptui.cli.screen.has_terminal = lambda: True
HptuiApp.run = lambda app: print(*sys.modules)
from hptui.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
"""what is imported when the app begins to draw; nothing is trained, because it never does"""
AFTER = (
    *("numpy", "hptui.cli.detaching", "hptui.cli.session"),
    *("hptui.own_files", "hptui.reading", "hptui.strategies", "hptui.training"),
)


def test_no_imports_go_in_a_circle() -> None:
    """Nor those within functions and for types alone."""
    graph = grimp.build_graph("hptui", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules


def test_importing_the_package_loads_nothing_heavy() -> None:
    done = python("import sys, hptui\nprint(*{name.partition('.')[0] for name in sys.modules})")
    assert done.returncode == 0
    assert not {*HEAVY, "numpy", "scipy", "rich", "click"} & set(done.stdout.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["resume", "--help"],
        ["list", "FOLDER"],
        ["list", "FOLDER", "--json"],
        ["compare", "STUDY"],
        ["config", "validate", "CONFIG"],
        ["config", "show", "CONFIG"],
    ],
    ids=" ".join,
)
def test_what_only_reads_needs_no_torch(tmp_path: Path, arguments: list[str]) -> None:
    finished_study(tmp_path / "study", [0.5, 0.6], [0.7, 0.75])
    (tmp_path / "config.toml").write_text('dataset = "digits"\n', "utf-8")
    places = {"FOLDER": tmp_path, "STUDY": tmp_path / "study", "CONFIG": tmp_path / "config.toml"}
    done = python(RUN, *(places.get(argument, argument) for argument in arguments))
    assert done.returncode == 0, done.stderr
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    assert "hptui" in modules
    assert not set(HEAVY) & set(modules)


@pytest.mark.parametrize(
    ("arguments", "after"),
    [([], "hptui.config"), (["run", "--out", "STUDY"], "hptui.hyperparameters.zoom")],
    ids=["list", "run"],
)
def test_the_first_picture_waits_for_nothing_that_trains_or_reads_a_study(
    tmp_path: Path, arguments: list[str], after: str
) -> None:
    done = python(FIRST_PICTURE, *(str(tmp_path / "s") if argument == "STUDY" else argument for argument in arguments))
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert "hptui.record.study_folders" in imported
    assert not {"torch", "matplotlib", "hptui.record.study_directory", "hptui.record.events", *AFTER, after} & imported


def test_the_import_contracts_are_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
