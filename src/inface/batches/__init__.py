"""Items in, results out: one way to run a batch on one process, on many, or on many machines.

`run_batch` is the loop; an executor (`Serial`, `Processes`, a dask cluster from `open_executor`, or any other
`concurrent.futures.Executor`) says where the work is done, and a `Journal` lets a stopped run go on. This room knows
no mesh and no model.
"""

from inface.batches.executors import Processes, Serial, WorkersCannotStart, refuse_unguarded_script
from inface.batches.folder_run import Run, run_in_folder
from inface.batches.journal import Journal, folder_in_use, open_journal
from inface.batches.open import open_executor
from inface.batches.outcome import Counts, Outcome, WorkerUnfit, written
from inface.batches.parts import Part
from inface.batches.run import BatchStopped, run_batch, values_in_order

__all__ = [
    "BatchStopped",
    "Counts",
    "Journal",
    "Outcome",
    "Part",
    "Processes",
    "Run",
    "Serial",
    "WorkerUnfit",
    "WorkersCannotStart",
    "folder_in_use",
    "open_executor",
    "open_journal",
    "refuse_unguarded_script",
    "run_batch",
    "run_in_folder",
    "values_in_order",
    "written",
]
