"""Tables and progress on the streams of this process: own styles, and nothing of others' that a terminal would obey."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from hptui.record.harmless import harmless


class HarmlessConsole(Console):
    """Prints the text of whatever is rendered as `harmless` gives it; styles and the moves of a progress bar stay."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Pieces of text with their styles, as they go to the stream."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else harmless(text), style, control)


def output_console() -> Console:
    """Stdout, and how wide it is; a pipe or file gets lines as wide as the content needs."""
    console = HarmlessConsole(highlight=False)
    if not console.is_terminal:
        console.width = 200
    return console


def print_result(result: RenderableType) -> None:
    """Print to stdout."""
    output_console().print(result)
