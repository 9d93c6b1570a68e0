"""Commands that use the network of one completed run: replay, predict."""

from __future__ import annotations

from pathlib import Path

import click

from hptui.cli.exit_codes import DONE, FAILED
from hptui.cli.options import device_option, given_device, model_option
from hptui.cli.output import print_line, print_to_stderr, prints_apart
from hptui.cli.setting_completion import one_of
from hptui.cli.study_arguments import run_argument
from hptui.cli.trusting import trust_option
from hptui.errors import UsageError


@click.command()
@run_argument
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the second run there (default: it is thrown away).",
)
@click.option("--data-dir", metavar="VALUE", help="where the data are now, if they have moved")
@device_option
@trust_option
def replay(run: Path, to: Path | None, data_dir: str | None, device: str | None, trust: bool) -> int:
    """Train a completed run again as recorded, and compare weights.

    It takes the recorded values and searches nothing. On a CPU the weights have to be equal; the exit code is 1 if they
    are not.
    """
    from hptui.cli.replay import replay_run

    where = {"data_dir": data_dir, "device": given_device(device)}
    outcome = replay_run(run, to, **where, trust=trust, report_line=print_to_stderr)
    print_line("\n".join(outcome.lines))
    return FAILED if outcome.comparable and not outcome.equal else DONE


@click.command()
@run_argument
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGES...")
@model_option
@click.option(
    "--threshold-for",
    metavar="METRIC=VALUE",
    help="Two classes: choose the threshold that reaches this on validation images, such as sensitivity=0.95.",
    shell_complete=one_of("sensitivity=0.95", "specificity=0.9"),
)
@click.option(
    "--per-group",
    metavar="REGEX",
    help="One row for each group (patient), the mean of its images: what the brackets of REGEX find in their names, "
    "below a folder that is named.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.csv", help="Where to write (default: stdout).")
@device_option
@trust_option
def predict(
    run: Path,
    images: tuple[Path, ...],
    *,
    model: str,
    threshold_for: str | None,
    per_group: str | None,
    out: Path | None,
    device: str | None,
    trust: bool,
) -> int:
    """Classify images with the network of a completed run.

    Gives class and probabilities as CSV. IMAGES are image files, folders of them, or .npz archives. What cannot be read
    is named and left out (exit code 1).
    """
    from hptui.cli.overwriting import refuse_other_table, write_answers
    from hptui.cli.predict import PREDICTED
    from hptui.cli.predict import predict as put_to

    if out is not None and not out.parent.is_dir():
        raise UsageError(f"--out: there is no folder {out.parent}.")
    if out is not None:
        refuse_other_table("--out", out, PREDICTED)
    with prints_apart() as print_row:
        table = put_to(
            run,
            images,
            model="best" if model == "best" else "final",
            threshold_for=threshold_for,
            per_group=per_group,
            device=given_device(device),
            trust=trust,
            report_line=print_to_stderr,
        )
        if out is None:
            for line in table.lines():
                print_row(line)
        else:
            write_answers(out, (f"{line}\n" for line in table.lines()))
    return FAILED if table.images.left_out else DONE
