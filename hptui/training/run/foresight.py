"""What the strategy of a run plans from where the run is, and the record of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from hptui.config import StudyConfig
from hptui.errors import first_line
from hptui.plan import Length, Plan, planned_cost
from hptui.record.events import DecisionsPlanned
from hptui.strategies import Outlook, Strategy
from hptui.training.engine.loop import Trainer
from hptui.training.run.ledger import Ledger


def asked_plan(strategy: Strategy, outlook: Outlook) -> Plan:
    """The plan of a strategy; a mistake in it is no reason to end a training, so it is told in the plan's place."""
    plan = _plan_or_mistake(strategy, outlook)
    return plan if isinstance(plan, Plan) else Plan(otherwise=plan)


def _plan_or_mistake(strategy: Strategy, outlook: Outlook) -> Plan | str:
    try:
        plan = strategy.plan(outlook)
        if not isinstance(plan, Plan):
            raise TypeError(f"plan() gave a {type(plan).__name__}")
    except Exception as error:
        return f"{type(strategy).__name__} cannot say what comes: {type(error).__name__}: {first_line(error)}"
    return plan


@dataclass
class Foresight:
    """Records the plan at the beginning, and whenever it is another than what was recorded last."""

    trainer: Trainer
    strategy: Strategy
    ledger: Ledger
    told: Plan | None = field(default=None, init=False)
    _for: object = field(default=None, init=False)
    """settings, number of decisions and end that the plan was made for: without a change of these it stays the same"""

    def tell(self, config: StudyConfig) -> None:
        """Record what is planned now, between a decision and the training that follows, or before a decision."""
        now = config, self.ledger.progress.decisions, self.ledger.progress.end_moved
        if self.ledger.progress.by_hand:  # nothing is planned; when the strategy chooses again, that is told anew
            self._for = self.told = None
            return
        if not self.strategy.searches or now == self._for:
            return
        self._for = now
        outlook = self._outlook(config)
        plan = asked_plan(self.strategy, outlook)
        before = self.told.after(outlook.epoch - 1) if self.told is not None else None
        if before is not None and (plan.stages, plan.left_out) == (before.stages, before.left_out):
            return
        self.told = plan
        self.ledger.emit(
            DecisionsPlanned(
                epoch=outlook.epoch,
                stages=list(self._length(outlook, config).in_whole_batches(plan).stages),
                left_out=list(plan.left_out),
                otherwise=plan.otherwise,
                cost=self._cost(plan, outlook, config),
                remedy=plan.remedy,
            )
        )

    def decides_after(self, config: StudyConfig, epoch: int) -> bool:
        """Whether the strategy plans a decision after `epoch` was completed, or may have one and cannot say so."""
        if not self.strategy.searches:
            return False
        plan = _plan_or_mistake(self.strategy, self._outlook(config))
        if isinstance(plan, Plan):
            return bool(plan.after(epoch).stages)
        return any(later > epoch for later in self.strategy.decision_epochs)

    def _outlook(self, config: StudyConfig) -> Outlook:
        progress, state = self.ledger.progress, self.trainer.state
        before = self.ledger.pending or progress  # candidates of a decision that is gone on with are part of the plan
        images = len(self.trainer.data.train)
        position = state.order.position % images  # at its end the next one begins
        return Outlook(
            epoch=progress.decided + 1,
            epochs=config.epochs,
            images_per_epoch=images,
            images_trained=progress.images_trained,
            images_probed=before.images_probed - before.images_checked,
            left=progress.end(config.epochs) - progress.epoch - position / images,
            values=state.values.chosen(),
            space=config.space,
            horizon=config.horizon,
        )

    def _cost(self, plan: Plan, outlook: Outlook, config: StudyConfig) -> float | None:
        """Cost of the whole run, with what is done."""
        progress, images = self.ledger.progress, outlook.images_per_epoch
        to_come = planned_cost(
            plan, self._length(outlook, config), greed_check=config.greed_check, decided=progress.decisions
        )
        if to_come is None:
            return None
        assert outlook.left is not None
        return (
            to_come - 1 + ((progress.images_trained + progress.images_probed) / images + outlook.left) / config.epochs
        )

    def _length(self, outlook: Outlook, config: StudyConfig) -> Length:
        size, remainder = round(outlook.values["batch_size"]), self.trainer.state.order.remainder
        return Length(config.epochs, outlook.images_per_epoch, size, remainder)
