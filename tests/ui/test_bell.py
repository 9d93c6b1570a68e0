"""What a terminal is sent, so that it calls: nothing that one of them would print."""

from __future__ import annotations

import pytest

from hptui.ui.bell import attention


@pytest.mark.parametrize("terminal", ["xterm-256color", "xterm-kitty", "foot", "alacritty", "rxvt-unicode"])
def test_a_terminal_gets_its_bell_and_a_notification(terminal: str) -> None:
    assert attention("study is finished", {"TERM": terminal}) == "\a\x1b]9;hptui: study is finished\a"


@pytest.mark.parametrize("terminal", ["", "dumb", "linux", "screen", "screen-256color", "screen.xterm-256color"])
def test_a_terminal_that_might_print_it_gets_the_bell_alone(terminal: str) -> None:
    assert attention("study is finished", {"TERM": terminal}) == "\a"


@pytest.mark.parametrize(
    "environment",
    [{"TERM": "screen-256color", "TMUX": "/tmp/tmux,1,0"}, {"TERM": "tmux-256color"}, {"TERM": "xterm", "TMUX": "x"}],
    ids=["the usual TERM", "from another machine", "another TERM"],
)
def test_tmux_is_asked_to_pass_it_on(environment: dict[str, str]) -> None:
    passed_on = "\x1bPtmux;\x1b\x1b]9;hptui: study is finished\a\x1b\\"
    assert attention("study is finished", environment) == f"\a{passed_on}"


def test_a_name_cannot_command_the_terminal() -> None:
    sent = attention("a\x1b]0;title\x07\x9c\n" + "x" * 999, {"TERM": "xterm"})
    assert sent.startswith("\a\x1b]9;hptui: a ]0;title   xxx")
    assert sent.count("\x1b") == 1
    assert sent.count("\a") == 2
    assert len(sent) < 250
