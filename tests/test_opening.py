"""Files are opened without waiting, and read to a bound; TOML and JSON have one kind of error each."""

from __future__ import annotations

import os
import re
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hptui.__main__ import main
from hptui.config import Layer, environment_layer, file_layer, resolve
from hptui.config.checking import file_problems
from hptui.errors import ConfigError
from hptui.opening import open_regular, read_file, read_given_text, read_text
from hptui.parsing import parse_json, parse_toml

MADE: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: path, "No such file or directory"),
    "a folder": (Path.mkdir, "Is a directory"),
    "a loop of links": (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
    "a pipe that nobody writes": (os.mkfifo, "it is a pipe, not a file"),
    "a device without an end": (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a file"),
    "too large": (lambda path: path.write_bytes(bytes((4 << 20) + 1)), "it is larger than 4 MB"),
}


@pytest.mark.parametrize("what", MADE)
@pytest.mark.parametrize("read", [read_file, read_text, open_regular])
def test_what_is_no_file_is_told_and_waited_for_by_nobody(
    tmp_path: Path, what: str, read: Callable[[Path], object]
) -> None:
    make, words = MADE[what]
    make(tmp_path / "f")
    if (what, read) == ("too large", open_regular):
        pytest.skip("whoever opens it reads what it wants")
    with pytest.raises(OSError) as caught:
        read(tmp_path / "f")
    assert caught.value.strerror == words


def test_a_small_file_takes_little_memory_whatever_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"small")
    tracemalloc.start()
    try:
        assert read_file(tmp_path / "f", 1 << 30) == b"small"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_lines_end_as_those_of_this_system_do(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes("eins\r\nzwei ä\n".encode())
    assert read_text(tmp_path / "f") == "eins\nzwei ä\n"


def test_a_byte_that_is_no_utf_8_is_told_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"one\ntwo\nthr\xffe\n")
    with pytest.raises(ValueError, match=r"^line 3 holds a byte that is no UTF-8, 0xff$"):
        read_text(tmp_path / "f")


def test_a_configuration_may_come_through_a_pipe(tmp_path: Path) -> None:
    """As of `hptui run <(...)`."""
    os.mkfifo(tmp_path / "f")
    reading, writing = os.pipe()
    writer = threading.Thread(target=lambda: os.write(writing, b"epochs = 3\n") and os.close(writing))
    writer.start()
    assert file_layer(Path(f"/dev/fd/{reading}")).settings == {"epochs": 3}
    writer.join()
    os.close(reading)
    with pytest.raises(OSError) as caught:
        read_given_text(tmp_path / "f")
    assert caught.value.strerror == "it is a pipe that nobody writes into"


BAD_TOML = {
    "a = [": "Invalid value",
    "a = " + "[" * 5000: "nested too deeply",
    "a = " + "[" * 40 + "]" * 40: "nested too deeply",
    ".".join("a" * 3000) + " = 1": "nested too deeply",
    "a = " + "9" * 5000: "more than 64 bits",
    "a = " + "9" * 400: "more than 64 bits",
    "a = 0x" + "f" * 5000: "more than 64 bits",
    "a = [[{b = 9223372036854775808}]]": "more than 64 bits",
}


@pytest.mark.parametrize(("text", "words"), BAD_TOML.items(), ids=[text[:12] for text in BAD_TOML])
def test_toml_that_only_a_parser_takes(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_toml(text)
    (tmp_path / "f.toml").write_text(text, "utf-8")
    for read in (file_layer, file_problems):
        with pytest.raises(ConfigError, match=rf"f\.toml is not valid TOML: .*{words}"):
            read(tmp_path / "f.toml")
    assert len(str(words)) < 200


def test_toml_of_a_few_levels_is_taken() -> None:
    assert parse_toml("a = " + "[" * 30 + "]" * 30 + "\nb = 9223372036854775807")["b"] == 2**63 - 1


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b'{"a":"\xff"}', Any, "Invalid UTF-8"),
        (b'{"a":"\xff"}', dict[str, str], "Invalid UTF-8"),
        (b"[" * 5000, Any, "nested too deeply"),
        (b'"\\ud800"', Any, "truncated"),
        (b"9" * 5000, int, "out of range"),
        (b"NaN", float, "malformed"),
        (b"", Any, "truncated"),
        (b"[]", dict[str, str], "Expected `object`"),
    ],
)
def test_json_has_one_kind_of_error(content: bytes, kind: Any, words: str) -> None:
    with pytest.raises(msgspec.DecodeError, match=words):
        parse_json(content, kind)


@pytest.mark.parametrize(
    "field", ["epochs", "dataset", "model", "search", "set", "out", "data_dir", "horizon", "score"]
)
def test_bytes_that_are_no_utf_8_are_a_mistake_of_the_configuration(field: str) -> None:
    with pytest.raises(ConfigError, match=rf"environment: .*{field}"):
        resolve([environment_layer({f"HPTUI_{field.upper()}": "lr=\udcff"})])
    with pytest.raises(ConfigError, match=rf"flag: .*{field}"):
        resolve([Layer("flag", {field: ("lr=\udcff",) if field in ("set", "search") else "\udcff"})])


def test_such_a_variable_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "HPTUI_EPOCHS", os.fsdecode(b"\xff"))
    assert main(["config", "show"]) == 2
    told = capsys.readouterr().err
    assert re.fullmatch(r"hptui: environment: epochs = '\\udcff': it has bytes that are no UTF-8\.\n", told)


@pytest.mark.parametrize(
    "words", ["list \udcff", "compare \udcff", "list --filter \udcff", "config show --search \udcff"]
)
def test_such_an_argument_is_no_internal_error(capsys: pytest.CaptureFixture[str], words: str) -> None:
    assert main(words.split()) in (0, 2)
    assert "internal error" not in capsys.readouterr().err
