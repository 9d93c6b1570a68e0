"""The two themes of hptui, and the looks that all its screens share.

Colour says something or is not there: blue is what has the focus, amber a key, green, amber and red the states, and
blue and vermilion (of Okabe and Ito, as in every chart) the two arms. All of it is told by a sign or a word too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.theme import Theme

if TYPE_CHECKING:
    from textual.app import App

DARK = Theme(
    name="hptui-dark",
    primary="#3d9be0",
    secondary="#2b5f86",
    accent="#e6a532",
    success="#3fb68b",
    warning="#e6a532",
    error="#e2606c",
    foreground="#dfe3e8",
    background="#101317",
    surface="#181c22",
    panel="#20262e",
    variables={"footer-background": "#181c22", "footer-key-foreground": "#e6a532"},
)
LIGHT = Theme(
    name="hptui-light",
    primary="#0069a8",
    secondary="#5b8fb3",
    accent="#9a5b00",
    success="#0b7a54",
    warning="#9a5b00",
    error="#b3261e",
    foreground="#1c2128",
    background="#fbfbf9",
    surface="#f0f1ef",
    panel="#e2e5e8",
    dark=False,
    variables={"footer-background": "#e2e5e8", "footer-key-foreground": "#9a5b00"},
)
THEMES = (DARK, LIGHT)

LOOKS = """
FolderLine, NewStudyScreen #title { background: $panel; }
StudyTable > .datatable--header { background: transparent; color: $text-muted; text-style: bold; }
StudyListScreen #about { border-top: solid $foreground 40%; }
StudyListScreen.-empty #empty { color: $text-muted; }
NewStudyScreen.-wide #form .section { border: round $foreground 40%; border-title-color: $text-primary; padding: 0 1; }
NewStudyScreen.-wide #form .section.-focused { border: round $primary; border-title-style: bold; }
NewStudyScreen.-wide.-very-tall #about { height: 4; border: round $foreground 40%; border-title-color: $text-primary; }
NewStudyScreen.-wide.-very-tall #form { height: auto; max-height: 70%; }
NewStudyScreen.-wide.-very-tall #plan {
    height: 1fr; min-height: 4; max-height: 100%; border: round $foreground 40%; border-title-color: $text-primary;
}
StudyListScreen.-wide.-very-tall StudyTable { border: round $foreground 40%; border-title-color: $text-primary; }
StudyListScreen.-wide.-very-tall StudyTable:focus { border: round $primary; border-title-style: bold; }
StudyListScreen.-wide.-very-tall #about {
    height: 10; max-height: 10; border: round $foreground 40%; border-title-color: $text-primary; color: $foreground;
}
ToastRack { dock: top; align: right top; margin: 0; scrollbar-size: 0 0; }
Dashboard ToastRack { dock: bottom; align: right bottom; margin-bottom: 1; }
Toast { width: auto; max-width: 60%; margin: 0; padding: 0 1; }
Dashboard Toast { max-width: 50%; }
"""
"""A bar at the top and frames, as the dashboard has them. Notices have their place at the right: at the top, where a
list and a form have nothing; of the dashboard, whose state and load are there, at the bottom, beside the log."""


def begin_with_theme(app: App[Any], name: str) -> None:
    """Give an app that does not run yet both themes, and this one to begin with, if there is one of that name.

    Setting `App.theme` does the same, but as a change: all styles are parsed a second time before the first picture.
    """
    for theme in THEMES:
        app.register_theme(theme)
    if name not in app.available_themes:
        return
    app.set_reactive(type(app).theme, name)
    dark = app.current_theme.dark
    app.update_classes({"-dark-mode": dark, "-light-mode": not dark, f"-theme-{name}": True}, update=False)
    app._refresh_truecolor_filter(app.ansi_theme)
    app.stylesheet.set_variables(app.get_css_variables())
