"""Ask the store: SQL, evaluation, attribution, influence and how sure all that is.

Writes nothing of its own but ranks. Imports neither `ingest` nor `train`, and no torch; DuckDB and the ONNX
runtime are loaded by the first call that needs them.
"""

from .answer import Answer, Result, Share
from .attribution import attribute, attribute_many
from .bootstrap import Interval
from .calibration_effect import InfluenceRow, influence_table
from .comparison import Comparison, compare_control, compare_mappers, metric_intervals
from .connection import connect
from .evaluation import evaluate
from .formatting import format_table
from .owners import influence_by
from .request import Question, Request
from .session import Session, Snapshot
from .sql_runner import run_sql
from .statements import load_sql

__all__ = [
    "Answer",
    "Comparison",
    "InfluenceRow",
    "Interval",
    "Question",
    "Request",
    "Result",
    "Session",
    "Share",
    "Snapshot",
    "attribute",
    "attribute_many",
    "compare_control",
    "compare_mappers",
    "connect",
    "evaluate",
    "format_table",
    "influence_by",
    "influence_table",
    "load_sql",
    "metric_intervals",
    "run_sql",
]
