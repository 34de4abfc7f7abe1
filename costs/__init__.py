"""What a project of a given size costs: unit costs, measured here or stated for cards, times amounts of work.

Sits on top of all other layers: only `commands/` imports it.
"""

from .bench import measure_unit_costs
from .cards import Card, find_card, list_cards
from .estimate import Estimate, StageCost, estimate_costs
from .scale import Scale
from .unit_costs import UnitCost, UnitCosts, read_unit_costs, stated_unit_costs

__all__ = [
    "Card",
    "Estimate",
    "Scale",
    "StageCost",
    "UnitCost",
    "UnitCosts",
    "estimate_costs",
    "find_card",
    "list_cards",
    "measure_unit_costs",
    "read_unit_costs",
    "stated_unit_costs",
]
