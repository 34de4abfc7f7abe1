"""Train mappers (eq. 3 and 4), calibrations (eq. 5 and 6) and abstentions on what a store holds."""

from .abstention import AbstentionConfig, train_abstention
from .calibration import train_calibration
from .config import BEST, PAPER, RECIPES, WORLD, CalibrationConfig, MapperConfig
from .left_out import LeftOut, count_left_out
from .mapper import train_mapper
from .variants import VARIANTS, Variant

__all__ = [
    "BEST",
    "PAPER",
    "RECIPES",
    "VARIANTS",
    "WORLD",
    "AbstentionConfig",
    "CalibrationConfig",
    "LeftOut",
    "MapperConfig",
    "Variant",
    "count_left_out",
    "train_abstention",
    "train_calibration",
    "train_mapper",
]
