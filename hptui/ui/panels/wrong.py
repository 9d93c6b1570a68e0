"""The test images that the run that is looked at gets most wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.strip import Strip
from textual.worker import get_current_worker

from hptui.reading.studies import FollowedRun
from hptui.reading.wrong_sheet import WrongSheet, wrong_sheet
from hptui.ui.drawing.image_cells import image_cells
from hptui.ui.drawing.kitty_images import KittyImages, shows_kitty_images
from hptui.ui.drawing.literal import in_the_middle, literal
from hptui.ui.drawing.wrong_lines import CAPTION, GAP, Tiles, single_lines, tile_lines, tiles
from hptui.ui.panels import Panel, Scene, key_hints

__all__ = ["WrongPanel"]

KEYS = "hjkl image, enter alone"
KEYS_ALONE = "h l image, enter all of them"


@dataclass(frozen=True)
class View:
    """What somebody chose to see."""

    selected: int = 0
    alone: bool = False


class WrongPanel(Panel):
    """Arrows go from image to image, Enter shows one as large as there is room."""

    heading = "Most wrong"
    short_heading = "Wrong"
    order = 70
    alone = True

    DEFAULT_CSS = """
    WrongPanel { height: 1fr; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1, 0)", "Image before", show=False),
        Binding("right,l", "move(1, 0)", "Image after", show=False),
        Binding("up,k", "move(0, -1)", "Image above", show=False),
        Binding("down,j", "move(0, 1)", "Image below", show=False),
        Binding("enter", "alone", "One image, or all", show=False, key_display="enter"),
    ]

    drawn_from: Reactive[object] = reactive(None, init=False, repaint=False)
    view: Reactive[View] = reactive(View, init=False, repaint=False)

    class Read(Message):
        """The images of a run were read."""

        def __init__(self, of: object, sheet: WrongSheet) -> None:
            self.of, self.sheet = of, sheet
            super().__init__()

    def __init__(self) -> None:
        super().__init__()
        self._sheet: WrongSheet | None = None
        """None: it is being read"""
        self._of: object = None
        """the run that it is of, and whether that was completed"""
        self._lines: list[Strip] = []
        self._kitty: KittyImages | None = None
        """None: the terminal shows no images but characters"""

    def on_mount(self) -> None:
        super().on_mount()
        driver = self.app._driver
        # half of what tells one image from another is lost where 256 colours are told apart
        if driver is not None and self.app.console.color_system == "truecolor" and shows_kitty_images():
            self._kitty = KittyImages(driver.write)

    def on_unmount(self) -> None:
        self._forget_images()

    def _forget_images(self) -> None:
        if self._kitty is not None:
            self._kitty.forget()

    def change_key(self, scene: Scene) -> object:
        return (*_run(scene), scene.palette)

    def watch_drawn_from(self) -> None:
        if self.scene is not None and self._of != _run(self.scene):
            self._of, self._sheet = _run(self.scene), None
            self.set_reactive(WrongPanel.view, View())
            self._forget_images()
            self._read(self.scene.run, self._of)
        self._draw()

    def watch_view(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._forget_images()  # they were sent for so many cells
        self._draw()

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _read(self, run: FollowedRun, of: object) -> None:
        """Beside the screen: the answers on many test images are many."""
        worker = get_current_worker()
        sheet = wrong_sheet(run)
        if not worker.is_cancelled:
            self.post_message(self.Read(of, sheet))

    @on(Read)
    def _show_images(self, message: Read) -> None:
        message.stop()
        if message.of == self._of:
            self._sheet = message.sheet
            self._draw()

    def _draw(self) -> None:
        """Prepare all lines."""
        if self.scene is None:
            return
        some = self._sheet is not None and self._sheet.images
        run = literal(self.scene.run.name)
        self.border_subtitle = key_hints(f"{run} | {KEYS_ALONE if self.view.alone else KEYS}" if some else run)
        self._lines = self._picture(self.scene)
        self.refresh()

    def _picture(self, scene: Scene) -> list[Strip]:
        width, height = self.size
        sheet = self._sheet
        if sheet is None or not sheet.images:
            why = "the images are being read" if sheet is None else f"{scene.run.name} {sheet.why_none}."
            return [Strip([Segment(line, Style(dim=True))]) for line in in_the_middle(why, width, height)]
        arrange = single_lines if self.view.alone else tile_lines
        draw = self._kitty.draw if self._kitty is not None else image_cells
        header = Strip([Segment(self._counts(sheet)[:width])])
        below = arrange(sheet.images, self.view.selected, width, max(height - 1, 1), scene.palette, draw)
        return [header, *below]

    def _counts(self, sheet: WrongSheet) -> str:
        """How many images there are, and which of them are here."""
        if self.view.alone:
            return sheet.counts
        plan = self._tiles(sheet)
        first = plan.first(self.view.selected)
        last = min(first + plan.count, len(sheet.images))
        here = "" if plan.count >= len(sheet.images) else f" | {first + 1} to {last}"
        return sheet.counts + here

    def render_line(self, y: int) -> Strip:
        """One prepared line."""
        line = self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width)
        return line.adjust_cell_length(self.size.width, self.rich_style).apply_style(self.rich_style)

    def on_click(self, event: events.Click) -> None:
        """Select an image; the one that is selected is shown alone."""
        offset = event.get_content_offset(self)
        if offset is None or self._sheet is None or not self._sheet.images:
            return
        if self.view.alone:
            self.action_alone()
            return
        plan = self._tiles(self._sheet)
        column, row = offset.x // (plan.width + GAP), (offset.y - 1) // (plan.height + CAPTION + 1)
        index = plan.first(self.view.selected) + row * plan.columns + column
        if column < plan.columns and 0 <= row < plan.rows and index < len(self._sheet.images):
            alone = index == self.view.selected
            self.view = View(index, alone)

    def action_move(self, sideways: int, down: int) -> None:
        """Select another image; beyond the first and the last there is none."""
        if self._sheet is None or not self._sheet.images:
            return
        step = sideways + down * (1 if self.view.alone else self._tiles(self._sheet).columns)
        after = self.view.selected + step
        if 0 <= after < len(self._sheet.images):
            self.view = View(after, self.view.alone)

    def action_alone(self) -> None:
        """Show one image alone, or all again."""
        if self._sheet is not None and self._sheet.images:
            self.view = View(self.view.selected, not self.view.alone)

    def _tiles(self, sheet: WrongSheet) -> Tiles:
        return tiles(sheet.images, self.size.width, max(self.size.height - 1, 1))


def _run(scene: Scene) -> tuple[object, ...]:
    """What the images depend on; epochs may be added to a run that was completed."""
    completed = scene.run.state.completed
    return id(scene.study), scene.run.name, completed and (completed.time, completed.epoch)
