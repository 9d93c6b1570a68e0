"""N baseline against N optimized runs: the metric of each, their paired difference, and what it allows one to say.

    arms         one number for each completed run: from the log, or from the predictions it saved
    differences  interval, effect size and tests of a paired or unpaired difference
    sampling     how much another test set of the same size could change it
    study        both arms of one study, and the sentence that says what n and the test set allow one to conclude
    several      the arms of several studies side by side
    by_class     every class against the rest
    words        numbers and sentences, the same on a screen, in a table and on a page

All metrics are fractions. Only completed runs count.
"""

from hptui.reading.comparison.arms import ArmSummary, Question, Summary, summarize, test_accuracy
from hptui.reading.comparison.differences import CONFIDENCE, Difference, paired_difference
from hptui.reading.comparison.sampling import SamplingError
from hptui.reading.comparison.study import NO_BASELINE, Comparison, compare, conclusion

__all__ = [
    "CONFIDENCE",
    "NO_BASELINE",
    "ArmSummary",
    "Comparison",
    "Difference",
    "Question",
    "SamplingError",
    "Summary",
    "compare",
    "conclusion",
    "paired_difference",
    "summarize",
    "test_accuracy",
]
