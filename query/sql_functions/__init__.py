"""Attribution in SQL: `attribute`, `similar` and `influence_by`, for one item or joined to thousands."""

from .register import add_macros, register_questions

__all__ = ["add_macros", "register_questions"]
