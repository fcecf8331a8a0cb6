"""Many raw files to pictures: in parallel, each picture whole or absent, resumable."""

from deepisp.batch.files import Job
from deepisp.batch.jobs import Summary, loaded, plan, run
from deepisp.batch.ready import Unready
from deepisp.batch.record import Record, Status
from deepisp.batch.work import Options, Watch
from deepisp.develop.settings import Settings

__all__ = [
    "Job", "Options", "Record", "Settings", "Status", "Summary", "Unready", "Watch", "loaded", "plan", "run",
]  # fmt: skip
