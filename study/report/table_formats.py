"""Tables 3 and 4 as CSV, Markdown and LaTeX; the page has them as HTML."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...query.report.data import METRICS
from ...query.report.render import escape_markdown
from ...query.report.text import case_scheme_text, short_interval
from .paper_tables import PaperRow, PaperTable, TableCell, groups

Rows = Sequence[Mapping[str, Any]]


def rows_as_csv(rows: Rows) -> str:
    """Rows with the same names as CSV; no rows are no text."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()


def table_rows(table: PaperTable) -> list[dict[str, Any]]:
    """A row for each cell of a table that has a number."""
    found = []
    for row in table.rows:
        keys = [(key, metric) for key in table.columns for metric in METRICS]
        for (key, metric), cell in zip(keys, row.cells, strict=True):
            if cell.score or cell.published is not None:
                score = cell.score
                found.append(
                    {
                        "table": table.name,
                        "encoder": row.encoder,
                        "mapper": row.mapper,
                        "case_name": key.case,
                        "scheme": key.scheme,
                        "metric": metric,
                        "value": score and score.value,
                        "low": score and score.low,
                        "high": score and score.high,
                        "models": table.models[key.case],
                        "best": cell.best,
                        "published": cell.published,
                    }
                )
    return found


def as_markdown(table: PaperTable) -> str:
    """The table as Markdown: bold is the best of a column, with intervals in brackets."""
    heads = [f"{case_scheme_text(key)}: {heading}" for key in table.columns for heading in METRICS.values()]
    lines = [f"### {table.name}. {escape_markdown(table.title)}", ""]
    lines += [_markdown_row(["Encoder", "Mapper", *map(escape_markdown, heads)])]
    lines += ["|" + "---|" * 2 + "---:|" * len(heads)]
    for row in table.rows:
        cells = [_markdown_cell(cell) for cell in row.cells]
        lines.append(_markdown_row([escape_markdown(row.encoder), escape_markdown(row.title), *cells]))
        if row.is_published:
            lines.append(_markdown_row(["", "*published*", *(_number(one.published) for one in row.cells)]))
    return "\n".join(lines) + "\n"


def _markdown_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _markdown_cell(cell: TableCell) -> str:
    if cell.score is None:
        return "–"
    text = f"**{_number(cell.score.value)}**" if cell.best else _number(cell.score.value)
    interval = short_interval(cell.score)
    return f"{text} ({interval})" if interval else text


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


LATEX_CHARACTERS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{one: f"\\{one}" for one in "&%$#_{}"},
}


def escape_latex(text: str) -> str:
    """`text` with everything escaped that LaTeX would take for markup."""
    return re.sub(r"[\\~^&%$#_{}]", lambda found: LATEX_CHARACTERS[found[0]], text)


def as_latex(table: PaperTable) -> str:
    """The table as a LaTeX `table*` for booktabs: bold is the best of a column, intervals are below."""
    width = len(METRICS)
    columns = "ll" + "c" * (width * len(table.columns))
    heads = [
        f"\\multicolumn{{{width}}}{{c}}{{{escape_latex(case_scheme_text(key))}}}" for key in table.columns
    ]
    rules = [f"\\cmidrule(lr){{{3 + width * at}-{2 + width * (at + 1)}}}" for at in range(len(table.columns))]
    lines = [
        "% \\usepackage{booktabs,graphicx}",
        "\\begin{table*}[t]",
        "\\centering",
        "\\resizebox{\\textwidth}{!}{%",
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        _latex_row(["", "", *heads]),
        " ".join(rules),
        _latex_row(["Encoder", "Mapper", *list(METRICS.values()) * len(table.columns)]),
    ]
    for encoder, rows in groups(table.rows):
        lines.append("\\midrule")
        for number, row in enumerate(rows):
            lines += _latex_rows(row, escape_latex(encoder) if number == 0 else "")
    caption = f"{table.title}. Below each number its 95\\% interval over models; bold: the best measured."
    return "\n".join(
        [
            *lines,
            "\\bottomrule",
            "\\end{tabular}}",
            f"\\caption{{{caption}}}",
            f"\\label{{tab:{table.slug}}}",
            "\\end{table*}",
            "",
        ]
    )


def _latex_rows(row: PaperRow, encoder: str) -> list[str]:
    """The numbers, their intervals, and the published numbers."""
    numbers = [_number(cell.score.value if cell.score else None) for cell in row.cells]
    bold = [
        f"\\textbf{{{text}}}" if cell.best else text for text, cell in zip(numbers, row.cells, strict=True)
    ]
    lines = [_latex_row([encoder, escape_latex(row.title), *bold])]
    intervals = [short_interval(cell.score) if cell.score else "" for cell in row.cells]
    if any(intervals):
        small = [f"\\tiny {text.replace('–', '--')}" if text else "" for text in intervals]
        lines.append(_latex_row(["", "", *small]))
    if row.is_published:
        lines.append(_latex_row(["", "\\emph{published}", *(_number(one.published) for one in row.cells)]))
    return lines


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells).replace("–", "--") + r" \\"
