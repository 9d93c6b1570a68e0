"""What a run will still decide: the next decision, how many candidates are to come, or that nothing more is decided."""

from __future__ import annotations

from hptui.plan import Plan, left_out_lines, plan_lines
from hptui.reading.run_state import Decision, RunState
from hptui.reading.studies import FollowedRun, FollowedStudy


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
    if plan is None:
        return []
    under_way = [decision for decision in state.decisions[-1:] if decision.chosen is None]
    now = [candidates_words(decision) for decision in under_way if not state.completed]
    if state.completed is not None or state.epochs_completed >= (state.epochs_planned or 1):
        return ["completed: nothing more will be decided"]
    if state.by_hand:
        return [*now, "values were chosen by hand: nothing is decided until the strategy chooses again"]
    if not plan.stages:
        watched = bool(state.decisions) and state.decisions[-1].started.epoch > state.epochs_completed
        last = [plan.otherwise] if plan.otherwise and watched else []  # only the epoch after a choice can go wrong
        more = "more " * bool(state.decisions)
        return [*now, f"nothing {more}will be decided", *left_out_lines(plan), *last]
    first, *later = plan_lines(plan)
    return [*now, f"next decision {first}", *later]


def candidates_words(decision: Decision) -> str:
    """How far a decision is: "decision 2, for epoch 3: candidate 4 of at most 7"."""
    started, done = decision.started, len(decision.candidates)
    most = started.planned or started.planned_most
    bound = "" if started.planned else "at most "
    of = f"candidate {min(done + 1, most)} of {bound}{most}" if most else f"{done} candidates so far"
    return f"decision {started.decision + 1}, for epoch {started.epoch}: {of}"
