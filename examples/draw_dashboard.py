"""Draw the dashboard of a study as an SVG, as your own theme and colours make it look.

    python examples/draw_dashboard.py STUDY OUT.svg --size 160x48 --keys h,h

The keys are pressed before, with commas between them: `h` goes one decision back, `z` enlarges a panel. The picture at
the top of the README shows the first decision of a run of this study (five minutes on one core; MNIST is downloaded, or
read from `--data-dir`):

    hptui run --dataset mnist --train-size 10000 --validation-size 2000 --model lenet --epochs 4 --runs 2 --threads 1 \
        --strategy grid --search lr=1e-4:1e-1:log:7 --search weight_decay=1e-6:1e-2:log:5 --headless --out mnist-10000
    python examples/draw_dashboard.py mnist-10000 examples/dashboard.svg --keys h,h,h
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from pathlib import Path

from textual.pilot import Pilot

from hptui.errors import HptuiError
from hptui.record.study_directory import open_study
from hptui.ui.app import HptuiApp

STILL_SECONDS = 3.0
"""a picture is whole once its panels have not changed for so long: the comparison is made beside the screen"""
MOST_SECONDS = 60.0
"""of a study that still trains nothing stands still"""
STRIP = re.compile(r"[\d.]+ images/s.*?</text>", re.DOTALL)
"""the line with the load of the machine, which is another at each look"""
FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""would be fetched from the net; the width of each text stands in the picture, so any monospaced font fits"""


async def draw(study: Path, size: tuple[int, int], keys: list[str]) -> str:
    """The dashboard in a terminal that exists in memory only."""
    app = HptuiApp(watch=study)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press(*keys)
        return FONTS.sub("", await settled(pilot))


async def settled(pilot: Pilot[None]) -> str:
    """The screen as SVG, once it stands still."""
    began = since = time.monotonic()
    svg = pilot.app.export_screenshot(simplify=True)
    while time.monotonic() - since < STILL_SECONDS and time.monotonic() - began < MOST_SECONDS:
        await pilot.pause(0.2)
        before, svg = svg, pilot.app.export_screenshot(simplify=True)
        if panels(svg) != panels(before):
            since = time.monotonic()
    return svg


def panels(svg: str) -> str:
    """What is compared: rich numbers the classes of each picture anew."""
    return STRIP.sub("", re.sub(r"terminal-\d+-", "", svg))


def columns_and_lines(text: str) -> tuple[int, int]:
    """`160x48` as two numbers."""
    columns, _, lines = text.partition("x")
    return int(columns), int(lines)


def main() -> None:
    """Write the picture and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=columns_and_lines, default=(160, 48), metavar="COLUMNSxLINES")
    parser.add_argument("--keys", type=lambda text: text.split(","), default=[], metavar="KEY,KEY")
    options = parser.parse_args()
    try:
        open_study(options.study)  # on the screen it would be a line at the bottom, and an empty picture
    except (HptuiError, OSError) as error:
        parser.error(str(error))
    svg = asyncio.run(draw(options.study, options.size, options.keys))
    options.out.write_text(svg, encoding="utf-8")
    print(f"{options.out}: {len(svg) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
