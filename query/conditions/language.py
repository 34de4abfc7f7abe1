"""The language of conditions: its bounds, operators, functions and types."""

from __future__ import annotations

from dataclasses import dataclass

from ...store.errors import InvalidInputError

MAX_CHARACTERS = 8_000_000
"""Of a condition: room for 100,000 ids in an `in` list. The service takes no more than 10,000."""

MAX_TOKENS = 500_000
"""Words, constants and signs."""

MAX_DEPTH = 30
"""Levels of parentheses, calls and operators inside each other."""

MAX_PARTS = 1500
"""Columns, constants, operators and calls, without the constants of `in` lists."""

MAX_WEIGHT = 100
"""Sum of the weights of all operations that make new text or take long."""

MAX_COPIES = 3
"""Operands of `in`, `between`, `nullif`, `case x when` inside each other: engines copy them in planning."""

COMPARISONS = {"=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

BINARY = (("^", "**"), ("*", "/", "//", "%"), ("+", "-"), ("||", "->", "->>", "^@", "~", "!~"))
"""Operators with two sides, the strongest first."""

TEXT_OPERATORS = frozenset({"||", "->", "->>", "~", "!~"})

LITERAL_RIGHT = frozenset({"->", "->>", "~", "!~"})
"""Operators whose right side is a constant: a path of JSON, a regular expression."""


@dataclass(frozen=True)
class Function:
    """A function of the language.

    Attributes:
        name: DuckDB's.
        least: arguments, at least.
        most: arguments, at most.
        weight: 0 where neither much memory nor time is taken.
        literals: places of the arguments that must be constants.
    """

    name: str
    least: int
    most: int
    weight: int = 0
    literals: tuple[int, ...] = ()


def _functions(
    names: str, least: int, most: int = 0, weight: int = 0, literals: tuple[int, ...] = ()
) -> dict[str, Function]:
    pairs = (name.partition("=") for name in names.split())
    return {
        name: Function(duckdb or name, least, most or least, weight, literals) for name, _, duckdb in pairs
    }


MANY = 100

FUNCTIONS = {
    **_functions("lower upper lcase ucase strip_accents", 1, weight=1),
    **_functions("trim ltrim rtrim btrim=trim", 1, 2, weight=1),
    **_functions("length len=length strlen char_length=length character_length=length", 1),
    **_functions("left right", 2, weight=1),
    **_functions("substring substr", 2, 3, weight=1),
    **_functions("split_part", 3, weight=1),
    **_functions("replace", 3, weight=1, literals=(1, 2)),
    **_functions("concat", 1, MANY, weight=1),
    **_functions("concat_ws", 2, MANY, weight=1, literals=(0,)),
    **_functions("contains starts_with ends_with prefix suffix instr strpos", 2),
    **_functions("levenshtein", 2, weight=50),
    **_functions("regexp_matches regexp_full_match regexp_like=regexp_matches", 2, 3, 1, (1, 2)),
    **_functions("regexp_extract", 2, 4, 1, (1, 2, 3)),
    **_functions("abs floor ceil ceiling sign sqrt ln log2 log10 isnan isinf", 1),
    **_functions("round log", 1, 2),
    **_functions("power pow mod", 2),
    **_functions("greatest least coalesce", 1, MANY),
    **_functions("ifnull nullif", 2),
    **_functions("if", 3),
    **_functions("list_value", 1, MANY, weight=1),
    **_functions("list_contains list_has array_contains array_has=list_contains", 2),
    **_functions("date_part date_trunc", 2, literals=(0,)),
    **_functions("year month day", 1),
    **_functions("json_extract json_extract_string json_extract_path json_extract_path_text", 2, 2, 1, (1,)),
    **_functions("json_exists json_value", 2, 2, 1, (1,)),
    **_functions("json_array_length json_type", 1, 2, 1, (1,)),
    **_functions("json_valid", 1, weight=1),
    **_functions("json_contains", 2, weight=1),
}
"""Every function that a condition may call. None makes values that grow beyond the sum of its arguments."""

JSON_PATHS = frozenset(name for name in FUNCTIONS if name.startswith("json_") and FUNCTIONS[name].literals)

TYPES = {
    **dict.fromkeys(("varchar", "string", "text", "char"), "VARCHAR"),
    **dict.fromkeys(("boolean", "bool"), "BOOLEAN"),
    **dict.fromkeys(("integer", "int", "int4"), "INTEGER"),
    **dict.fromkeys(("bigint", "int8", "long"), "BIGINT"),
    **dict.fromkeys(("float", "real", "float4"), "FLOAT"),
    **dict.fromkeys(("double", "float8"), "DOUBLE"),
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "hugeint": "HUGEINT",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
    "json": "JSON",
}
"""Types that a value may be cast to."""

LITERAL_TYPES = ("date", "time", "timestamp", "timestamptz")
"""Types of constants that are written like `date '2020-01-31'`."""

HINT = (
    "a condition is written like creator = 'someone' and license <> 'CC0'; it may name the columns "
    "of images, and collection"
)
FUNCTIONS_HINT = f"there are {', '.join(sorted(FUNCTIONS))}"


def invalid_condition(text: str, reason: str, hint: str = HINT) -> InvalidInputError:
    """The error for a condition that cannot be used, with its text shortened."""
    shown = text if len(text) <= 200 else text[:200] + "..."
    return InvalidInputError(f"the condition {shown!r} cannot be used: {reason}", hint=hint)


def too_large(text: str, what: str) -> InvalidInputError:
    """The error for a condition that exceeds a bound."""
    return invalid_condition(text, f"it is too large: {what}", "use `in (...)`, or split it into several")
