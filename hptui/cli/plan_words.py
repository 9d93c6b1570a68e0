"""What a study that is about to be trained will try, and at what cost, by the settings that are in force."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from hptui.errors import HptuiError
from hptui.plan import Plan, plan_lines
from hptui.planning import ArmPlan, plan_arm, schedule_lines
from hptui.record.localizing import localized
from hptui.record.run_reader import check_format
from hptui.record.study_directory import Study


def planned_lines(study: Study) -> list[str]:
    """Cost of every arm in a line, and its plan in others."""
    costs, plans = _in_force(study)
    words = ", ".join(f"{arm} {cost:.2f}" if cost is not None else f"{arm} unknown" for arm, cost in costs.items())
    lines = []
    for arm in study.config.arms:
        if (plan := plans.get(arm)) is None:
            continue
        of_arm = plan_lines(plan) + ([] if plan.stages else schedule_lines(study.config, arm))
        lines += [f"{arm}: {line}" for line in of_arm]
    return [f"planned cost in plain trainings: {words}", *lines]


def _in_force(study: Study) -> tuple[Mapping[str, float | None], Mapping[str, Plan]]:
    """Costs and plans: those that the study began with, or new ones where its settings were changed since."""
    if study.begun is not None:
        with contextlib.suppress(HptuiError):  # an own strategy that cannot tell any more: the training will say so
            config, images = localized(study), _images(study)
            planned: dict[str, ArmPlan] = {arm: plan_arm(config, arm, images) for arm in config.arms}
            plans = {arm: one.plan for arm, one in planned.items() if one.plan != Plan()}
            return {arm: one.cost for arm, one in planned.items()}, plans
    return study.planned_cost, study.plans


def _images(study: Study) -> int:
    """Images that one epoch trains, as a run has recorded them; 0: none has begun."""
    for _, _, run in study.runs():
        if (started := check_format(run)) is not None:
            return started.images_per_epoch
    return 0
