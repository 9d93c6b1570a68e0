"""How the screen looks: what is remembered between sessions, and what this terminal allows."""

from __future__ import annotations

import codecs
import os
import sys

import msgspec
import platformdirs

from hptui.opening import read_file
from hptui.parsing import parse_json
from hptui.record.files import replace_file
from hptui.ui.drawing.colours import MAPS, MapName, Palette

SETTINGS = "screen.json"


class Settings(msgspec.Struct):
    """What somebody chose; remembered between sessions."""

    theme: str = "hptui-dark"
    colours: MapName = "viridis"
    ascii: bool = False


class Appearance:
    """The settings, each kept on the disk as soon as it is changed."""

    def __init__(self) -> None:
        self._settings = load_settings()

    @property
    def theme(self) -> str:
        return self._settings.theme

    @property
    def ascii(self) -> bool:
        """Whether nothing but ASCII is shown."""
        return self._settings.ascii or only_ascii()

    @property
    def palette(self) -> Palette:
        return Palette(self._settings.colours, colour="NO_COLOR" not in os.environ, ascii=self.ascii)

    def choose_theme(self, name: str) -> None:
        self._change(theme=name)

    def next_colours(self) -> str:
        """Go on to the next colour map; gives the reason where that cannot be."""
        if not self.palette.colour:
            return "NO_COLOR is set, so no colour map is used"
        self._change(colours=MAPS[(MAPS.index(self._settings.colours) + 1) % len(MAPS)])
        return ""

    def toggle_ascii(self) -> str:
        """Show only ASCII, or all signs again; gives the reason where that cannot be."""
        if only_ascii():
            return "HPTUI_ASCII is set, or this terminal is no UTF-8 one: ASCII stays"
        self._change(ascii=not self._settings.ascii)
        return ""

    def _change(self, **changes: object) -> None:
        self._settings = msgspec.structs.replace(self._settings, **changes)
        save_settings(self._settings)


def only_ascii() -> bool:
    """Whether the environment asks for ASCII, or the terminal takes nothing else that Textual writes."""
    encoding = getattr(sys.__stderr__, "encoding", None) or "utf-8"
    return os.environ.get("HPTUI_ASCII", "") not in ("", "0") or codecs.lookup(encoding).name != "utf-8"


def load_settings() -> Settings:
    """What was remembered; defaults if nothing was, or if it cannot be read."""
    try:
        settings: Settings = parse_json(read_file(platformdirs.user_config_path("hptui") / SETTINGS), Settings)
    except (OSError, msgspec.DecodeError):
        return Settings()
    return settings


def save_settings(settings: Settings) -> None:
    """Remember; a read-only home is no reason to complain."""
    folder = platformdirs.user_config_path("hptui")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / SETTINGS, msgspec.json.encode(settings))
    except OSError:
        return
