"""`attribase completion`: completes commands and options in a shell."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from ..store import InvalidInputError
from .console import say
from .output import explain_write_errors

SHELLS = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/completions/attribase.fish"}
"""What each shell reads when it starts, in the home folder."""

MARK = "# attribase completion"
PROGRAM, VARIABLE = "attribase", "_ATTRIBASE_COMPLETE"


@click.command()
@click.argument("shell", required=False, type=click.Choice(list(SHELLS)))
@click.option("--install", is_flag=True, help="Add it to what the shell reads when it starts.")
@click.pass_context
def completion(ctx: click.Context, shell: str | None, install: bool) -> None:
    """Print what makes SHELL complete commands and options; left out, of the shell that runs.

    \b
    Example: attribase completion bash --install
             eval "$(attribase completion zsh)"
    """
    chosen = shell or Path(os.environ.get("SHELL", "")).name
    if chosen not in SHELLS:
        raise InvalidInputError(
            f"no completion for the shell {chosen!r}", hint=f"name one: {', '.join(SHELLS)}"
        )
    found = get_completion_class(chosen)
    if found is None:
        raise InvalidInputError(f"no completion for the shell {chosen!r}", hint="upgrade click")
    script = found(ctx.find_root().command, {}, PROGRAM, VARIABLE).source()
    if not install:
        click.echo(script)
        return
    file = Path.home() / SHELLS[chosen]
    with explain_write_errors(file):
        written = _install(file, script, whole=chosen == "fish")
    say(f"{'wrote' if written else 'nothing to do, it is in'} {file}: open a new shell")


def _install(file: Path, script: str, *, whole: bool) -> bool:
    """Add the script to the file, once; whether it was added. `whole`: the file holds nothing else."""
    there = file.read_text(encoding="utf-8") if file.exists() else ""
    block = f"{MARK}\n{script.strip()}\n{MARK} end\n"
    if block in there:
        return False
    before, begin, rest = there.partition(f"{MARK}\n")
    after = rest.partition(f"{MARK} end\n")[2] if begin else ""
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = before if before.endswith("\n") or not before else f"{before}\n"
    file.write_text(block if whole else kept + block + after, encoding="utf-8")
    return True
