"""The axes of the heatmap panel: those of the decision, or those that somebody chose, in every round."""

from __future__ import annotations

from pathlib import Path

from adaptive_log import adaptive_run
from fabricate import make_study, write_run
from textual.pilot import Pilot

from hptui.reading.studies import follow
from hptui.ui.panels.heatmap import HeatmapPanel

from .panel_host import make_scene, piloted, screen


def test_axes_that_somebody_chose_stay_in_every_round_that_has_them(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", epochs=3, baseline="none")
    write_run(study, "optimized", 0, adaptive_run())
    panel = HeatmapPanel()

    def axes() -> str:
        """Names on the axes of the heatmap that is looked at; others are drawn small below it."""
        return next(line.strip("│┃ ").partition("   at ")[0] for line in screen(panel) if "→" in line).strip()

    async def script(pilot: Pilot[None]) -> None:
        panel.show(make_scene(follow(study.directory)))
        await pilot.pause()
        seen = [axes()]
        for keys in ("h", "a", "l", "h", "a"):
            await pilot.press(keys)
            await pilot.pause()
            seen.append(axes())
        decays, dropouts = "→ weight_decay (log)   ↑ dropout (linear)", "→ dropout (linear)   ↑ weight_decay (log)"
        # the last round tried one dropout alone: what others would have come to is predicted from the first
        assert seen == [decays, decays, dropouts, dropouts, dropouts, decays]

    piloted(panel, script)
