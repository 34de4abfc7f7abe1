from .attribution.answer import Answer, FailedQuestion, OwnerShare, Result
from .attribution.attribute import answer_all, answer_each, attribute, attribute_many
from .attribution.evidence import Evidence
from .attribution.owners import influence_by
from .attribution.request import Question, Request
from .evaluation.abstention import AbstentionRow, abstention_table
from .evaluation.calibration import InfluenceRow, influence_table
from .evaluation.calibration_error import CalibrationMeasurement, CalibrationRow, measure_calibration
from .evaluation.comparison import Comparison, compare_control
from .evaluation.evaluate import evaluate
from .evaluation.evidence import measure_evidence
from .evaluation.left_out import LeftOut, count_left_out
from .evaluation.paired import Features, PairedRow, compare_features
from .evaluation.prune import PruneReport, prune_runs
from .evaluation.retrieval import retrieve_by_label
from .session import Session, Snapshot
from .sql.bootstrap import Interval
from .sql.connection import connect
from .sql.formats import format_table
from .sql.runner import run_sql
from .sql.statements import load_sql
from .text_search import TextAnswer, TextMatch, similar_text

__all__ = [
    "AbstentionRow",
    "Answer",
    "CalibrationMeasurement",
    "CalibrationRow",
    "Comparison",
    "Evidence",
    "FailedQuestion",
    "Features",
    "InfluenceRow",
    "Interval",
    "LeftOut",
    "OwnerShare",
    "PairedRow",
    "PruneReport",
    "Question",
    "Request",
    "Result",
    "Session",
    "Snapshot",
    "TextAnswer",
    "TextMatch",
    "abstention_table",
    "answer_all",
    "answer_each",
    "attribute",
    "attribute_many",
    "compare_control",
    "compare_features",
    "connect",
    "count_left_out",
    "evaluate",
    "format_table",
    "influence_by",
    "influence_table",
    "load_sql",
    "measure_calibration",
    "measure_evidence",
    "prune_runs",
    "retrieve_by_label",
    "run_sql",
    "similar_text",
]
