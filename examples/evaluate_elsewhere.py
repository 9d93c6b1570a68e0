"""What a trained network is worth at another hospital, from Python: per patient, recalibrated, at your threshold.

    python examples/evaluate_elsewhere.py toy/study/optimized-0 table:toy/elsewhere/labels.csv

The same as `hptui evaluate`, whose numbers come as plain objects here. Threshold and recalibration are chosen on the
run's own validation images, so that nothing is fitted to what is measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hptui.cli.evaluate import evaluate
from hptui.reading.evaluation import Wanted

SHOWN = ("sensitivity", "specificity", "auc", "ppv_at_prevalence", "npv_at_prevalence", "brier")


def main() -> None:
    """Print a few metrics with their 95 % intervals, and the images that it gets most wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("--prevalence", type=float, default=0.05, help="where the network is to be used")
    options = parser.parse_args()
    wanted = Wanted(threshold_for="sensitivity=0.9", calibrate=True, prevalence=options.prevalence)
    found = evaluate(options.run, options.dataset, wanted, read_as={}).found.evaluation
    unit = found.per_group or found.per_image
    print(f"{unit.count} {'patients' if found.per_group else 'images'}, threshold {unit.threshold:.3g}")
    for metric in unit.metrics:
        if metric.name in SHOWN and metric.value is not None:
            print(f"{metric.title}: {metric.value:.3f} ({metric.low:.3f} to {metric.high:.3f})")
    for image in found.most_wrong[:3]:
        print(f"most wrong: {image.name}")


if __name__ == "__main__":
    main()
