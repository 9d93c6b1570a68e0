"""hptui: hyperparameters chosen while a network trains, watched and proven.

One log, one fold, thin readers. The training side writes facts (`record.events`) to one append-only file per run
(`record.run_directory`); everything else is computed from that file, by any process, while the run goes on or years
later. Wings, from the disk upwards; a module imports downwards only:

    record/     what is on the disk: events, folders of studies and runs, commands, predictions
    metrics/    how well predictions fit labels
    hyperparameters/                                       what may be chosen: facts, and how it is put in force
    strategies/ datasets/ models/ optimizers/ losses/ schedules/   one file each, found by the registry
    training/   engine/ (tensors, no events), run/ (one run, step by step), study, api, replaying, predicting
    reading/    from the record to numbers: run state, studies, views, comparison
    export/ report/                                        from numbers to files
    ui/         from numbers to the screen
    cli/        the commands: where training, screen and export meet

torch only under training, models, optimizers, losses; textual, rich and plotext only under ui and cli; matplotlib only
under export. The training side and the reading side never import each other. Import contracts in pyproject.toml keep
all that true.

From Python, without files and without a screen:

    from hptui.training import train
    result = train(dataset="digits", model="lenet", epochs=3, strategy="grid")
"""

__version__ = "0.1.0"
