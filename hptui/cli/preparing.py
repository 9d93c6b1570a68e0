"""What a training begins with: a new study, or one to go on with. It is called in the thread that trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hptui import registry

if TYPE_CHECKING:
    from hptui.cli.session import Preparation
    from hptui.config import StudyConfig
    from hptui.engines import Engine
    from hptui.record.study_directory import Study
    from hptui.training import PreparedStudy


class NewStudyPreparation:
    """Prepares a study that does not exist yet; torch is imported when it is called."""

    def __init__(self, config: StudyConfig) -> None:
        self._config = config
        self.directory: Path | None = None
        """where the study will be"""

    def __call__(self) -> PreparedStudy:
        from hptui.record.new_folders import new_directory

        self.directory = new_directory(self._config)
        _begin_elsewhere(self._config)
        from hptui.training import start_study

        return start_study(self._config, self.directory)


def resumption_preparation(study: Study, config: StudyConfig) -> Preparation:
    """A function that prepares to go on with a study."""

    def prepare() -> PreparedStudy:
        _begin_elsewhere(config)
        from hptui.training import resume_study

        return resume_study(study, config)

    return prepare


def _begin_elsewhere(config: StudyConfig) -> None:
    """Have other processes that will train import torch while this one does, on another core."""
    if config.engine_name in registry.names("engines"):  # an own one is looked at first, with torch
        engine: Engine = registry.load("engines", config.engine_name)()
        engine.make_ready()


def prepare_as_it_was(directory: Path) -> PreparedStudy:
    """Prepare to go on with the study in a folder: settings as they were, data and own files where they were.

    That takes fewer checks than `hptui resume`: a key of the screen changes no settings, takes nothing over and allows
    no code, and whether another machine writes the study was looked at again and again before the key was offered.
    """
    from hptui.record.localizing import localized
    from hptui.record.mending import mend_logs
    from hptui.record.presence import refuse_if_written
    from hptui.record.study_directory import open_study

    refuse_if_written(directory)
    study = open_study(directory)
    config = localized(study)
    mend_logs(study, runs_go_on=config.runs_go_on)
    return resumption_preparation(study, config)()
