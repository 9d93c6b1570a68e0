"""A window begins with the theme that was chosen; styles are parsed again only when another one is."""

from __future__ import annotations

import asyncio

import platformdirs
import pytest
from fabricate import configuration
from textual.css.stylesheet import Stylesheet

from hptui.ui.app import HptuiApp
from hptui.ui.appearance import SETTINGS, Settings, load_settings, save_settings
from hptui.ui.screens.preparing import Preparing

from .test_own_training import FakeTraining


async def look(theme: str = "") -> tuple[HptuiApp, str]:
    """An app that prepares a training, after it was given another theme, if any; and the colour behind all else."""
    app = HptuiApp(begin=lambda: FakeTraining(configuration()))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, Preparing)
        if theme:
            app.theme = theme
            await pilot.pause()
        return app, app.screen.styles.background.hex.lower()


@pytest.mark.parametrize(
    ("chosen", "begun", "background", "mode"),
    [
        ("hptui-dark", "hptui-dark", "#101317", "-dark-mode"),
        ("hptui-light", "hptui-light", "#fbfbf9", "-light-mode"),
        ("nord", "nord", "#2e3440", "-dark-mode"),
        ("gone", "textual-dark", "#121212", "-dark-mode"),
    ],
)
def test_the_first_picture_has_the_chosen_theme_and_its_styles_are_parsed_once(
    chosen: str, begun: str, background: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_settings(Settings(theme=chosen))
    monkeypatch.setattr(Stylesheet, "reparse", lambda _: pytest.fail("styles were parsed a second time"))
    app, seen = asyncio.run(look())
    assert (app.theme, seen) == (begun, background)
    assert {"-dark-mode", "-light-mode"} & app.classes == {mode}
    assert app.ansi_theme is (app.ansi_theme_dark if mode == "-dark-mode" else app.ansi_theme_light)
    assert load_settings().theme == chosen


def test_a_theme_that_is_chosen_is_shown_and_remembered() -> None:
    app, seen = asyncio.run(look("hptui-light"))
    assert seen == "#fbfbf9"
    assert {name for name in app.classes if name.startswith("-theme-")} == {"-theme-hptui-light"}
    assert load_settings().theme == "hptui-light"


def test_a_window_that_changes_nothing_writes_nothing() -> None:
    asyncio.run(look())
    assert not (platformdirs.user_config_path("hptui") / SETTINGS).exists()
