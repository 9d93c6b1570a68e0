"""What a run will still decide: the next decision, how many candidates are to come, or that nothing more is decided."""

from __future__ import annotations

from hptui.plan import Plan, left_out_lines, plan_lines
from hptui.reading.run_state import Decision, RunState
from hptui.reading.studies import FollowedRun, FollowedStudy
from hptui.space import describe


def still_to_come(followed: FollowedStudy, run: FollowedRun) -> Plan | None:
    """The plan of a run without what is over; None where nobody recorded one, or its strategy decides nothing."""
    state = run.state
    plan = state.plan.plan if state.plan is not None else followed.study.plans.get(run.arm)
    return plan.after(_decided(state)) if plan is not None else None


def _decided(state: RunState) -> int:
    """The last epoch for which nothing can be decided any more, or is being decided now."""
    decision = state.decisions[-1].started.epoch if state.decisions else 0
    trained = state.last_batches.epoch if state.last_batches is not None else 0
    return max(decision, trained, state.epochs_completed)


def coming_lines(followed: FollowedStudy, run: FollowedRun) -> list[str]:
    """What comes, the next thing first, in words; empty for a run that decides nothing, or of an older hptui."""
    state, plan = run.state, still_to_come(followed, run)
    if plan is None and not state.by_hand:
        return []
    if state.completed is not None and state.completed.asked < followed.epochs:
        return [f"completed with {state.completed.epoch} epochs; goes on to {followed.epochs} after the other runs"]
    if state.completed is not None or state.epochs_completed >= (state.end or 1):
        return ["completed: nothing more will be decided"]
    now = []
    if (decision := under_way(state)) is not None:
        number, epoch = decision.started.decision + 1, decision.started.epoch
        now = [f"decision {number}, for epoch {epoch}: {candidate_words(decision)}"]
    if state.by_hand or plan is None:
        return [*now, f"by hand: {describe(state.by_hand)}; nothing is decided until the strategy chooses again"]
    if not plan.stages:
        watched = bool(state.decisions) and state.decisions[-1].started.epoch > state.epochs_completed
        last = [plan.otherwise] if plan.otherwise and watched else []  # only the epoch after a choice can go wrong
        more = "more " * bool(state.decisions)
        return [*now, f"nothing {more}will be decided", *left_out_lines(plan), *last]
    first, *later = plan_lines(plan)
    return [*now, f"next decision {first}", *later]


def under_way(state: RunState) -> Decision | None:
    """The decision that candidates are being measured for, if there is one."""
    decision = state.decisions[-1] if state.decisions else None
    return decision if decision is not None and decision.chosen is None and not state.completed else None


def candidate_words(decision: Decision) -> str:
    """Which candidate is being measured: "candidate 4/15", "candidate 4 of at most 7"."""
    started, now = decision.started, len(decision.candidates) + 1
    most = started.planned or started.planned_most
    if not most:
        return f"candidate {now}"
    return f"candidate {min(now, most)}{'/' if started.planned else ' of at most '}{most}"
