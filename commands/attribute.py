"""`attribase query attribute`: which training images influenced a generated image."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..store import InvalidInputError
from .answer_table import print_answer
from .console import at_option, open_store, print_error, run_to_result, say
from .output import Output, about_command, rows_options

if TYPE_CHECKING:
    from ..query import Answer, FailedQuestion, Request, Snapshot
    from ..store import Step

TOGETHER = 256
"""Questions that are read and answered in one pass."""


def _check_fields(values: tuple[str, ...]) -> tuple[str, ...]:
    """The fields, each once, if influence can be summed by them; else wrong usage."""
    from ..query.attribution.request import check_owner_field

    try:
        for value in values:
            check_owner_field(value)
    except InvalidInputError as error:
        raise click.BadParameter(f"{error}; {error.hint}") from error
    return tuple(dict.fromkeys(values))


@click.command()
@click.argument("items", nargs=-1, required=True, metavar="ITEM...")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="How many images to name.")
@click.option("--encoder", help="Which features; left out, the best on val models.")
@click.option("--mapper", help="Which mapper, or `none`; left out, the best on val models.")
@click.option(
    "--pool",
    type=click.Choice(["all", "gallery"]),
    default="all",
    show_default=True,
    help="The gallery and every exemplar, or the gallery alone.",
)
@click.option("--where", metavar="SQL", help="Only images that fulfil a condition over images and members.")
@click.option(
    "--by",
    "fields",
    multiple=True,
    metavar="FIELD",
    callback=lambda _ctx, _param, values: _check_fields(values),
    help="Also sum influence per owner: creator, rights_holder, license, reservation, source, collection, "
    "category or metadata.NAME; may be given several times. Without shares of influence, the best match of "
    "each owner.",
)
@click.option(
    "--dedup",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="COSINE",
    help="Images at least this similar are near-duplicates: one place, their influence added.",
)
@click.option(
    "--fold",
    is_flag=True,
    help="Copies of one work, as `attribase cluster` found them, share a place, their influence added.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help='Say "none of these" unless at most this share of pictures that owe nothing to the pool have a '
    "match as good; and mark the set that holds the exemplars at this level. Needs `train abstention`.",
)
@click.option(
    "--kind",
    metavar="KIND",
    help="Compare with validation models of this concept kind (object, style, ...), or `all`; left out, of a "
    "stored sample's kind, else all.",
)
@at_option
@click.option(
    "--exact/--index",
    "exact",
    default=None,
    help="Compare with every image, or search the index; left out, the index where there is one.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="The most images that a search through the index asks for.",
)
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write an HTML page.",
)
@rows_options
@click.pass_context
def attribute(
    ctx: click.Context,
    /,
    items: tuple[str, ...],
    out: Output,
    page: Path | None,
    exact: bool | None,
    fields: tuple[str, ...],
    at: str | None,
    **options: Any,
) -> None:
    """Name the training images that influenced ITEM (an image file, a folder of them, or a sample), best
    first.

    Several ITEMs are answered in one pass. One that cannot be read is an error beside the others' answers;
    the exit code is then 1. Files of rows (csv, jsonl, parquet, xlsx and the like) have one row an image,
    with --by one an owner, and one row with the column error for an ITEM that cannot be read.

    \b
    Example: attribase -s my.store query attribute sunset.png -k 5
             attribase -s my.store query attribute sunset.png --by creator --where "license <> 'CC0'"
             attribase -s my.store query attribute sunset.png --by creator --by metadata.museum
             attribase -s my.store query attribute sunset.png --alpha 0.1
             attribase -s my.store query attribute sunset.png --at before_cleaning
             attribase -s my.store query attribute pictures/ -o answers.xlsx --html answers.html
             attribase -s my.store query attribute sunset.png --by creator -o answer.pdf
    """
    from ..query import Answer, Request, Session

    if len(fields) > 1 and (page is not None or out.fmt == "html"):
        raise InvalidInputError("a page shows the owners by one field", hint="give --by once, or write rows")
    method = "auto" if exact is None else "exact" if exact else "index"
    snapshot = Session(open_store(ctx)).snapshot().as_of(at)
    questions = _list_pictures(items)
    requests = [Request(method=method, by=field, **options) for field in fields or (None,)]
    answers, *others = (_ask(snapshot, questions, request) for request in requests)
    if page is not None:
        with Output("html", page).open() as sink:
            sink.write(_page(snapshot, answers).encode())
    _print(snapshot, answers, out, dict(zip(fields, [answers, *others], strict=False)))
    failed = [answer for answer in answers if not isinstance(answer, Answer)]
    for one in failed:
        print_error(one.error)
    if failed:
        ctx.exit(1)


def _list_pictures(items: Sequence[str]) -> list[str]:
    """The items, with the pictures of a folder, by name, in its place. InvalidInputError for one without."""
    from ..runtime.formats import ENDINGS

    def is_picture(path: Path) -> bool:
        named = path.suffix.lower().removeprefix(".") in ENDINGS and not path.name.startswith(".")
        return named and path.is_file()

    found: list[str] = []
    for item in items:
        folder = Path(item)
        if not folder.is_dir():
            found.append(item)
            continue
        pictures = [str(path) for path in sorted(folder.rglob("*")) if is_picture(path)]
        if not pictures:
            raise InvalidInputError(
                f"the folder {item} has no picture", hint=f"pictures end in .{', .'.join(sorted(ENDINGS))}"
            )
        found += pictures
    return list(dict.fromkeys(found))


def _ask(snapshot: Snapshot, questions: Sequence[str], request: Request) -> list[Answer | FailedQuestion]:
    """The answers in order. A single question that cannot be read is an error."""
    from ..query import answer_all, answer_each

    if len(questions) == 1:
        return list(answer_all(snapshot, questions, request))
    if len(questions) <= TOGETHER:
        return answer_each(snapshot, questions, request)
    return run_to_result(_answer_parts(snapshot, questions, request))


def _answer_parts(
    snapshot: Snapshot, questions: Sequence[str], request: Request
) -> Generator[Step, None, list[Answer | FailedQuestion]]:
    """The answers in order, TOGETHER at a time: the pictures of these are in memory together."""
    from ..query import answer_each
    from ..store import Step

    answers: list[Answer | FailedQuestion] = []
    for start in range(0, len(questions), TOGETHER):
        answers += answer_each(snapshot, questions[start : start + TOGETHER], request)
        yield Step("attribute", len(answers), len(questions))
    return answers


def _print(
    snapshot: Snapshot,
    answers: Sequence[Answer | FailedQuestion],
    out: Output,
    owners: Mapping[str, Sequence[Answer | FailedQuestion]],
) -> None:
    """Print the answers; `owners`: by field, the answers with the shares of its owners."""
    from ..query import Answer

    found = [answer for answer in answers if isinstance(answer, Answer)]
    if out.is_table and out.path is None:
        for at, answer in enumerate(answers):
            if isinstance(answer, Answer):
                same = [others[at] for others in owners.values()]
                print_answer(answer, out, answer.query if len(answers) > 1 else "", same)
    elif out.fmt == "html":
        with out.open() as sink:
            sink.write(_page(snapshot, answers).encode())
    elif out.fmt in ("md", "pdf"):
        _write_document(answers, owners, out)
    else:
        from ..query.attribution.answer_rows import write_answers

        with out.open() as sink:
            write_answers(answers, out.fmt, sink, owners=owners, about=about_command())
    for note in dict.fromkeys(note for answer in found for note in answer.notes):
        say(note)
    if found and found[0].provenance and out.is_table and out.path is None:
        say(found[0].provenance.line())


def _write_document(
    answers: Sequence[Answer | FailedQuestion],
    owners: Mapping[str, Sequence[Answer | FailedQuestion]],
    out: Output,
) -> None:
    """Write Markdown or PDF; pictures of Markdown go into a folder beside the file, so stdout has none."""
    from ..query.attribution.answer_document import answer_document
    from ..query.attribution.answer_markdown import pictures_folder, write_answer_markdown
    from ..query.attribution.answer_pdf import write_answer_pdf

    folder = pictures_folder(out.path) if out.path else None
    content = answer_document(answers, owners, pictures=out.fmt == "pdf" or folder is not None)
    with out.open() as sink:
        if out.fmt == "pdf":
            write_answer_pdf(content, sink)
        else:
            write_answer_markdown(content, sink, folder)


def _page(snapshot: Snapshot, answers: Sequence[Answer | FailedQuestion]) -> str:
    from ..query import Answer
    from ..query.attribution.page import answer_page
    from ..query.attribution.query_vectors import read_query_images

    images = read_query_images(snapshot, [answer.query for answer in answers if isinstance(answer, Answer)])
    return answer_page(snapshot, answers, images, f"Attribution: {answers[0].query}")
