"""Imported last by the server that forks workers: no garbage collection of theirs goes through what it has imported.

A collection marks every object that it looks at, and so has each page copied that was shared with the server.
"""

import gc

gc.collect()
gc.freeze()
