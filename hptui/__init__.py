"""hptui: hyperparameters chosen while a network trains, watched and proven.

One log, one fold, thin readers. The training side (`hptui.training`) writes facts (`hptui.events`) to one
append-only file per run (`hptui.run_directory`); everything else is computed from that file
(`hptui.run_state`), by any process, while the run goes on or years later:

    training -> events.jsonl -> RunReader -> RunState -> comparison, progress line, later the screen

Who may import whom is a contract in pyproject.toml, checked by import-linter:
torch only under training, strategies, datasets and models; the training side and the reading side never
import each other, both know only events, space, config, registry, run_directory, predictions and metrics; `cli`, and
`replay` under it, are where they meet.

From Python, without files and without a screen:

    from hptui.training import train
    result = train(dataset="digits", model="lenet", epochs=3, strategy="grid")
"""

__version__ = "0.1.0"
