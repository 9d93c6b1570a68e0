"""hptui: hyperparameters chosen while a network trains, watched and proven.

One log, one fold, thin readers. The training side writes facts (`record.events`) to one append-only file per run
(`record.run_writer`); everything else is computed from that file, by any process, while the run goes on or years later.
Wings, from the bottom upwards; a module imports downwards only:

    errors registry        one line for what went wrong; plug-ins found by name, imported when they are asked for
    own_files              a user's own file imported, as a part of its package where it is one
    opening parsing        files read without waiting and to a bound; TOML and JSON, whatever they hold
    headway                how far a long preparation has come, and how it is called off
    machine                cores and memory that there are for this process, also in a container; its Python
    nothing                a function that does nothing, where nobody is to be told
    hyperparameters/       what may be chosen: one file each, with facts and how it is put in force
    space plan config/     ranges; what a strategy plans to try, and its cost; the settings of a study
    record/                what is on the disk: events, folders of studies and runs, commands, predictions
    metrics/               how well predictions fit labels
    datasets/ models/ optimizers/ losses/ schedules/ strategies/ engines/     one file each, found by the registry
    planning               the strategy of each arm, checked, and its plan: without torch, for form and commands
    budget                 what a search may cost where nobody said it, by the clock of this machine
    training/              engine/ (tensors, no events), run/ (one run, step by step), study, api, replaying, predicting
    reading/               from the record to numbers: run state, studies, views, comparison
    export/ report/        from numbers to files
    ui/                    from numbers to the screen
    cli/                   the commands: where training, screen and export meet

torch only under training, models, optimizers, losses; textual, rich and plotext only under ui and cli; matplotlib only
under export. The training side and the reading side never import each other. Contracts in pyproject.toml keep all that
true; what the registry loads by name they cannot see.

From Python, without files and without a screen:

    from hptui.training import train
    result = train(dataset="digits", model="lenet", epochs=3)
"""

__version__ = "0.1.0"
