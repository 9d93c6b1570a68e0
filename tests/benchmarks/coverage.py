"""How often 95 % intervals hold where images are of groups: 1,000 draws of patients, for every metric.

    python tests/benchmarks/coverage.py [DRAWS] [PATIENTS]

Each draw has one to eight images of each patient; the truth is the metric of 60,000 patients. Beside it, what intervals
that take the images for independent come to. Found, of 1,000 draws of 60 patients (by groups, by images):

    accuracy 0.953 0.802, balanced accuracy 0.950 0.808, sensitivity 0.945 0.819, specificity 0.947 0.792,
    AUC 0.943 0.789, F1 0.952 0.707, PPV 0.953 0.695, NPV 0.938 0.714, average precision 0.959 0.748,
    Brier score 0.943 0.744, calibration error 0.948 0.749, quadratic kappa 0.943 0.785
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "metrics"))
from grouped import drawn_patients, without_groups

from hptui.metrics.classification import METRICS, metric
from hptui.metrics.intervals import interval

RESAMPLES = 400


def coverage(name: str, draws: int, patients: int) -> tuple[float, float, float, float]:
    """Shares of intervals that hold, by groups and by images, and their mean widths."""
    true = metric(name, drawn_patients(10**6, 60_000))
    assert true is not None
    held, width = [0, 0], [0.0, 0.0]
    for seed in range(draws):
        found = drawn_patients(seed, patients)
        for index, one in enumerate((found, without_groups(found))):
            ends = interval(name, one, resamples=RESAMPLES)
            if ends is not None:
                held[index] += ends[0] <= true <= ends[1]
                width[index] += ends[1] - ends[0]
    return held[0] / draws, held[1] / draws, width[0] / draws, width[1] / draws


def main() -> None:
    """Print a table."""
    draws, patients = (
        int(sys.argv[index]) if len(sys.argv) > index else default for index, default in ((1, 1000), (2, 60))
    )
    print(
        f"{draws} draws of {patients} patients; a share of 0.95 is known to within {1.96 * (0.0475 / draws) ** 0.5:.3f}"
    )
    print(f"{'metric':20} {'by groups':>10} {'by images':>10} {'width':>7} {'width':>7}")
    for name in METRICS:
        by_groups, by_images, wide, narrow = coverage(name, draws, patients)
        print(f"{name:20} {by_groups:10.3f} {by_images:10.3f} {wide:7.3f} {narrow:7.3f}", flush=True)


if __name__ == "__main__":
    main()
