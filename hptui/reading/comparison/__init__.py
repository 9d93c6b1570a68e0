"""N baseline against N optimized runs: the metric of each, their paired difference, and what it allows one to say.

    evidence     what a completed run has to show of its test images: from the log, or from the predictions it saved
    measuring    one number for each completed run: which metric, of which model, at which threshold
    arms         means and spread of an arm's runs
    differences  interval, effect size and tests of a paired or unpaired difference
    sampling     how much another test set of the same size could change it
    bounds       what stands in for that where no image moves a metric
    verdict      whether the search paid on these data, and what it cost: the one rule
    study        both arms of one study, and the sentence that says what n and the test set allow one to conclude
    several      the arms of several studies side by side
    by_class     every class against the rest
    number_words, words, several_words
                 numbers, rows and sentences, the same on a screen, in a table and on a page

All metrics are fractions. Only completed runs count.
"""

from hptui.reading.comparison.arms import ArmSummary, Summary, summarize
from hptui.reading.comparison.differences import CONFIDENCE, Difference, paired_difference
from hptui.reading.comparison.measuring import Question
from hptui.reading.comparison.sampling import SamplingError
from hptui.reading.comparison.study import NO_BASELINE, Comparison, compare, conclusion
from hptui.reading.comparison.verdict import Verdict

__all__ = [
    "CONFIDENCE",
    "NO_BASELINE",
    "ArmSummary",
    "Comparison",
    "Difference",
    "Question",
    "SamplingError",
    "Summary",
    "Verdict",
    "compare",
    "conclusion",
    "paired_difference",
    "summarize",
]
