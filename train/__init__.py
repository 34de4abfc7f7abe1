"""Train mappers (eq. 3 and 4) and calibrations (eq. 5 and 6) on the models and features of a store."""

from .calibration import train_calibration
from .config import PAPER, RECIPES, WORLD, CalibrationConfig, MapperConfig
from .left_out import LeftOut, count_left_out
from .mapper import train_mapper

__all__ = [
    "PAPER",
    "RECIPES",
    "WORLD",
    "CalibrationConfig",
    "LeftOut",
    "MapperConfig",
    "count_left_out",
    "train_calibration",
    "train_mapper",
]
