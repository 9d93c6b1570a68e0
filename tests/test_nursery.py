"""Processes that begin where torch is imported are those that may, and are what a new Python would be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nursery
import pytest
from fabricate import PATIENCE_SECONDS

SAY = "import os, sys\nprint(sys.argv[1:], sys.path[0], os.getcwd(), __name__, 'torch' in sys.modules)\n"


def is_forked() -> bool:
    with nursery.start("--version", stdout=subprocess.PIPE) as process:
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    return isinstance(process, nursery.Forked)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, True),
        ({"TORCHINDUCTOR_CACHE_DIR": "/nowhere", "OMP_WAIT_POLICY": "PASSIVE"}, True),
        ({"OMP_NUM_THREADS": "3"}, False),
        ({"PYTHONPATH": f"{nursery.REPOSITORY}:/nowhere"}, False),
    ],
    ids=["nothing", "what imports leave", "threads", "path"],
)
def test_what_is_imported_in_the_tests_does_not_keep_a_process_from_being_forked(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: bool
) -> None:
    assert is_forked()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_forked() is expected


def test_a_file_is_run_as_python_would(tmp_path: Path) -> None:
    program = tmp_path / "some" / "say.py"
    program.parent.mkdir()
    program.write_text(SAY, "utf-8")
    done = nursery.run("a", 1, program=[str(program)], cwd=tmp_path, timeout=PATIENCE_SECONDS)
    assert done.stdout.split() == ["['a',", "'1']", str(program.parent), str(tmp_path), "__main__", "True"]


def test_packages_are_found_before_all_others(tmp_path: Path) -> None:
    package = tmp_path / "packages" / "hptui_absent"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text("import os\nprint(os.environ['PYTHONPATH'])\n", "utf-8")
    done = nursery.run(program=["-m", "hptui_absent"], packages=package.parent, timeout=PATIENCE_SECONDS)
    assert done.stdout.strip().split(":")[0] == str(package.parent), done.stderr
