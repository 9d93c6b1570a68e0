"""What SLURM says of jobs, asked by its own commands: they know of jobs also where no accounting is kept (sacct)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence

from hptui.errors import UsageError, first_line

WORKING = frozenset(
    {
        *("PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT"),
        *("RESIZING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"),
    }
)
"""states of jobs that have not ended, or are to begin anew"""
UNKNOWN = "Invalid job id"
"""what SLURM says where it knows none of the jobs any more: they ended some time ago"""
ENDS = {
    "TIMEOUT": "its job {} came to its time limit before it had saved its state",
    "NODE_FAIL": "the node of its job {} has failed",
    "BOOT_FAIL": "the node of its job {} could not be started",
    "OUT_OF_MEMORY": "its job {} needs more memory than it asked for (--engine-args mem=...)",
    "PREEMPTED": "its job {} gave way to another one",
    "DEADLINE": "its job {} came to its deadline",
}
"""words for how a job ended, with its number"""
PATIENCE_SECONDS = 60.0


def states_of(jobs: Iterable[str]) -> dict[str, str] | None:
    """State of each job that SLURM knows, by its number (12_3); None: it gives no answer now."""
    arrays = sorted({job.partition("_")[0] for job in jobs})
    done = _run(["squeue", "--noheader", "--array", "--states=all", "--format=%i %T", f"--jobs={','.join(arrays)}"])
    if done is None:
        return None
    if done.returncode:
        return {} if UNKNOWN in done.stderr else None
    lines = (line.split() for line in done.stdout.splitlines())
    return {words[0]: words[1] for words in lines if len(words) == 2}


def cancel_waiting(jobs: Sequence[str]) -> None:
    """Cancel those that have not begun."""
    if jobs:  # without a number scancel means all of the user's
        _run(["scancel", "--state=PENDING", *jobs])


def require_taken(options: Sequence[str]) -> None:
    """Raise UsageError if SLURM would not take a job with these options of sbatch; nothing is queued."""
    done = _run(["sbatch", "--test-only", *options, "--wrap=true"])
    if done is None:
        raise UsageError(f"SLURM gave no answer within {PATIENCE_SECONDS:.0f} s; try again when it does (sinfo).")
    if done.returncode:
        lines = [line.partition("error: ")[2] for line in done.stderr.splitlines() if "error: " in line]
        told = "; ".join(dict.fromkeys(lines)) or done.stderr.strip().replace("\n", "; ")
        raise UsageError(f"SLURM does not take such jobs (sbatch {' '.join(options)}): {told}")


def _run(command: list[str]) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        raise UsageError(f"{command[0]} cannot be run: {first_line(error)}.") from None
