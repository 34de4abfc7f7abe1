"""`attribase query summary`: what models were trained on, under the headings of the EU's template."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from ..store import InvalidInputError
from .console import at_option, open_store, say
from .output import explain_write_errors

ENDINGS = (".html", ".json")


@click.command()
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A file that ends in .html or .json; left out, JSON on stdout.",
)
@click.option(
    "--kinds",
    "kinds_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A CSV table of source, kind (public, licensed, private, crawled, user, synthetic, other), link and "
    "note.",
)
@click.option("--provider", default="", help="Who provides the model.")
@click.option("--contact", default="", help="How to reach the provider.")
@click.option("--model-name", default="", help="The model, with its version.")
@click.option("--placed", default="", metavar="DATE", help="When the model was placed on the market.")
@at_option
@click.pass_context
def summary(
    ctx: click.Context,
    /,
    path: Path | None,
    kinds_file: Path | None,
    provider: str,
    contact: str,
    model_name: str,
    placed: str,
    at: str | None,
) -> None:
    """Summarise what is in the gallery and the exemplars: sources, licences, holders, reservations, removals.

    In the form of the EU AI Office's template for Article 53(1)(d) of the AI Act. Figures are read from the
    views training_data, training_summary and removed_images.

    \b
    Example: attribase -s my.store query summary -o summary.html --kinds sources.csv
    """
    from ..query.summary import Provider, SourceKinds, read_source_kinds, summarise, summary_page

    if path is not None and path.suffix not in ENDINGS:
        raise InvalidInputError(f"a summary is no {path.name}", hint="end the name in .html or .json")
    kinds = read_source_kinds(kinds_file) if kinds_file else SourceKinds()
    about = Provider(provider, contact, model_name, placed)
    now = datetime.now(UTC).replace(tzinfo=None)
    found = summarise(open_store(ctx), now, at=at, provider=about, kinds=kinds)
    unsaid = [row["source"] or "(none)" for row in found.sources.get("unsaid", ())]
    if unsaid:
        say(f"nothing says the kind of these sources (--kinds FILE): {', '.join(unsaid[:3])}")
    text = (
        summary_page(found)
        if path is not None and path.suffix == ".html"
        else json.dumps(found.to_dict(), indent=2, ensure_ascii=False) + "\n"
    )
    if path is None:
        click.echo(text, nl=False)
        return
    with explain_write_errors(path):
        path.write_text(text, encoding="utf-8")
    say(f"wrote {path}")
