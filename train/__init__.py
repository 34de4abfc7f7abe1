"""Weights: pairs, losses, mappers and calibrations. Writes `mappers`, `calibrations` and mapped columns."""

from .calibration import CalibrationConfig, train_calibration
from .config import PAPER, WORLD, MapperConfig
from .mapper import train_mapper

__all__ = ["PAPER", "WORLD", "CalibrationConfig", "MapperConfig", "train_calibration", "train_mapper"]
