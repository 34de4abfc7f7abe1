"""`attribase ingest prompts`."""

from pathlib import Path

import click

from .console import draw_progress, say


@click.command()
@click.option("--llm", "url", metavar="URL", help="Ask this OpenAI-compatible API, such as http://host/v1.")
@click.option("--model", metavar="NAME", help="The API's model.")
@click.option(
    "--categories",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Captions of these categories: a CSV with `class` and `category`; left out, of styles alone.",
)
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
def prompts(url: str | None, model: str | None, categories: Path | None, output: Path) -> None:
    """Write prompts of the paper's models to OUTPUT, a CSV to read and edit: ours, or a language model's.

    Those of a language model are used (ingest plan --paper ... --prompts OUTPUT) once a person has read them
    and written yes in the column `reviewed`. The same command again asks for the categories that are missing.

    \b
    Example: attribase ingest prompts prompts.csv
             attribase ingest prompts --llm http://localhost:8000/v1 --model llama prompts.csv
    """
    from ..ingest.paper import own_prompts, read_categories, request_prompts, write_prompts

    if (url is None) != (model is None):
        raise click.UsageError("--llm and --model go together")
    if url is None or model is None:
        if output.exists():
            raise click.UsageError(f"{output} is there already")
        write_prompts(output, own_prompts().rows)
        say(f"{output}: {len(own_prompts().rows)} prompts")
        return
    names = [one.name for one in read_categories(categories).values()] if categories else []
    last = draw_progress(request_prompts(url, model, names, output))
    say(
        f"{output}: read it, and write yes in the column `reviewed`" if last else f"{output}: nothing missing"
    )
