"""What a terminal is sent so that somebody who looks elsewhere notices: its bell, and a notification of the desktop.

OSC 9 is shown by iTerm2, WezTerm, Ghostty, kitty, foot and others, and passed over by the rest. tmux passes it on where
`allow-passthrough` is on; its bell marks the window in any case.
"""

from __future__ import annotations

from collections.abc import Mapping

BELL = "\a"
LONGEST = 200
"""signs of a notification; desktops cut it sooner"""
BELL_ALONE = ("", "dumb", "linux", "screen")
"""terminals (as TERM begins) that may print what they do not know, or keep it from the terminal around them"""


def attention(message: str, environment: Mapping[str, str]) -> str:
    """The signs that call attention to `message`, for the terminal that `environment` tells of."""
    terminal = environment.get("TERM", "").partition("-")[0].partition(".")[0]
    words = "".join(sign if sign.isprintable() else " " for sign in message)[:LONGEST]
    notification = f"\x1b]9;hptui: {words}{BELL}"
    if "TMUX" in environment or terminal == "tmux":  # TERM alone on a machine that is reached from within tmux
        doubled = notification.replace("\x1b", "\x1b\x1b")
        return f"{BELL}\x1bPtmux;{doubled}\x1b\\"
    return BELL if terminal in BELL_ALONE else f"{BELL}{notification}"
