"""The paper's sources and splits: folders as they are distributed, to collections and plans as in Table 1."""

from .folders import read_categories
from .plan import PAPERS, PaperPlan, plan_paper
from .prompts import PromptRow, Prompts, own_prompts, read_prompts, write_prompts
from .request import request_prompts

__all__ = [
    "PAPERS",
    "PaperPlan",
    "PromptRow",
    "Prompts",
    "own_prompts",
    "plan_paper",
    "read_categories",
    "read_prompts",
    "request_prompts",
    "write_prompts",
]
