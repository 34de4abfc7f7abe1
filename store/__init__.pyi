from .errors import AttribaseError, ConflictError, DataError, InvalidInputError, NotFoundError
from .failures import Failure
from .ids import content_id, key_id, mapped_column, run_number, vectors_table, views_table
from .jobs import Job, Jobs, JobStatus, Shard, Step
from .store import Store

__all__ = [
    "AttribaseError",
    "ConflictError",
    "DataError",
    "Failure",
    "InvalidInputError",
    "Job",
    "JobStatus",
    "Jobs",
    "NotFoundError",
    "Shard",
    "Step",
    "Store",
    "content_id",
    "key_id",
    "mapped_column",
    "run_number",
    "vectors_table",
    "views_table",
]
