"""The training-data summary of a store: what its models were trained on, under the EU template's headings."""

from .kinds import SOURCE_KINDS, SourceKinds, read_source_kinds
from .page import summary_page
from .summary import Provider, TrainingSummary, summarise

__all__ = [
    "SOURCE_KINDS",
    "Provider",
    "SourceKinds",
    "TrainingSummary",
    "read_source_kinds",
    "summarise",
    "summary_page",
]
