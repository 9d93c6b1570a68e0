"""What README, CONTRIBUTING and RESULTS say can be followed: links, commands, flags, examples, the picture."""

from __future__ import annotations

import ast
import asyncio
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
from fabricate import finished_study

from hptui import registry
from hptui.cli.main import cli
from hptui.datasets import DatasetRequest

REPOSITORY = Path(__file__).resolve().parents[1]
README = REPOSITORY / "README.md"
CONTRIBUTING = REPOSITORY / ".github" / "CONTRIBUTING.md"
RESULTS = REPOSITORY / "tests" / "benchmarks" / "RESULTS.md"
DOCUMENTS = [README, CONTRIBUTING, RESULTS]
DRAWING = REPOSITORY / "examples" / "draw_dashboard.py"
PICTURE = REPOSITORY / "examples" / "dashboard.svg"
EXAMPLES = {"datasets": "bars", "models": "Shallow"}
"""folder of a kind, and the name that its example in CONTRIBUTING gives"""

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)


def commands(document: Path) -> list[list[str]]:
    """Words of every command in the document's console blocks; a comment behind one is left out."""
    blocks = re.findall(r"^```console\n(.*?)^```", document.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    parts = [part for line in lines if re.match(r"hptui|python|\.venv", line) for part in line.split("&&")]
    return [shlex.split(part, comments=True) for part in parts]


def anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_readme_is_short_and_in_order() -> None:
    lines = README.read_text("utf-8").splitlines()
    assert len(lines) <= 120
    headings = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert headings == ["Install", "One command", "Does it pay?", "Use", "Your own images", "Keys", "Extend"]
    assert f"]({PICTURE.relative_to(REPOSITORY).as_posix()})" in "\n".join(lines[:6])


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", document.read_text("utf-8"))
    assert links
    for link in links:
        place, _, section = link.partition("#")
        target = document if not place else document.parent / place
        assert target.exists(), link
        if section:
            headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            assert section in {anchor(heading) for heading in headings}, link


@each_document
def test_commands_and_their_flags_exist(document: Path) -> None:
    followed = commands(document)
    assert followed
    for name, *words in followed:
        if name == "hptui" and words:
            command = cli.get_command(click.Context(cli), words[0])
            known = {flag for parameter in command.params for flag in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= known, words
        if name == "python" and words[0].endswith(".py"):
            script = REPOSITORY / words[0]
            flags = {word for word in words if word.startswith("--")}
            assert {flag for flag in flags if f'"{flag}"' not in script.read_text("utf-8")} == set(), words


def test_the_picture_of_the_readme_is_small_and_tells_no_path() -> None:
    svg = PICTURE.read_text("utf-8")
    assert len(svg) < 300_000
    ElementTree.fromstring(svg)
    words = re.sub(r"http://www.w3.org/2000/svg|https://www.textualize.io", "", svg).replace("&#160;", " ")
    assert "://" not in words
    assert not re.search(r"(?<![\w<])/\w+/", words)
    for heading in ("Epoch heatmap", "Trajectory", "Learning curves", "Accuracy (test)", "Log"):
        assert heading in words


def test_a_dashboard_is_drawn_without_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = registry.load_own(f"{DRAWING}:draw")
    monkeypatch.setitem(draw.__globals__, "STILL_SECONDS", 1.0)
    finished_study(tmp_path / "study", [0.5, 0.6], [0.7, 0.75])
    svg = asyncio.run(draw(tmp_path / "study", (120, 40), ["h"]))
    ElementTree.fromstring(svg)
    for words in ("Epoch heatmap", "decision 1/2", "optimized-1", "75.00"):
        assert words in svg.replace("&#160;", " ")
    assert "@font-face" not in svg
    assert str(tmp_path) not in svg


def test_what_is_no_study_is_not_drawn(tmp_path: Path) -> None:
    out = tmp_path / "out.svg"
    done = subprocess.run([sys.executable, DRAWING, tmp_path, out], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"draw_dashboard.py: error: {tmp_path} is not a study")
    assert not out.exists()


def rows(heading: str) -> list[list[str]]:
    """Cells of the table of CONTRIBUTING that begins with this heading."""
    _, _, after = CONTRIBUTING.read_text("utf-8").partition(f"| {heading} |")
    lines = after.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def constants_asked_for(file: Path) -> set[str]:
    """Names in capitals in the expressions of a file that ask for a plug-in's constant."""
    statements = (node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.stmt))
    expressions = (node for one in statements for node in ast.iter_child_nodes(one) if isinstance(node, ast.expr))
    asking = (node for node in expressions if "registry.constant(" in ast.unparse(node))
    words = {part.value for node in asking for part in ast.walk(node) if isinstance(part, ast.Constant)}
    return {word for word in words if isinstance(word, str) and re.fullmatch(r"[A-Z][A-Z_]+", word)}


def test_every_constant_that_plug_ins_are_asked_for_is_told() -> None:
    asked = set().union(*map(constants_asked_for, (REPOSITORY / "hptui").rglob("*.py")))
    told = [re.findall("`([A-Z_]+)", constant)[0] for constant, *_ in rows("constant")]
    assert sorted(told) == sorted(asked)
    kinds = {kind: folder for folder, kind in {**registry.FOLDERS, "datasets": "data set"}.items()}
    for name, (_, kind, _) in zip(told, rows("constant"), strict=True):
        folder = kinds[kind]
        assert any(registry.constant(folder, plug_in, name) is not None for plug_in in registry.names(folder)), name


def test_what_tests_begin_with_is_there() -> None:
    for what, where in rows("to test"):
        file = ""
        for word in re.findall(r"`([\w/.]+)[`(]", where):
            if word.endswith(".py"):
                file = (REPOSITORY / "tests" / word).read_text("utf-8")
            elif file:
                assert re.search(rf"^((async )?def {word}\b|class {word}\b|{word} = )", file, re.MULTILINE), what


@pytest.mark.parametrize("folder", EXAMPLES)
def test_an_example_of_contributing_works_as_it_stands(folder: str, tmp_path: Path) -> None:
    pattern = rf"^```python\n# hptui/{folder}/(\w+\.py)\n(.*?)^```"
    ((file, code),) = re.findall(pattern, CONTRIBUTING.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / file).write_text(code, "utf-8")
    made = registry.load_own(f"{tmp_path / file}:{EXAMPLES[folder]}")
    if folder == "datasets":
        data = made(DatasetRequest())
        assert (data.train.pixels.shape, len(data.test)) == ((2000, 1, 28, 28), 500)
    else:
        import torch

        assert made(in_channels=3, num_classes=4)(torch.zeros(2, 3, 33, 20)).shape == (2, 4)
