"""The type of arguments that name what a command writes on this machine."""

from typing import Any

import click


class LocalPath(click.Path):
    """A path of this machine: a URI would become a folder of that odd name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. Fails for a URI."""
        if "://" in str(value):
            self.fail(
                f"{value} is no folder of this machine: pages and files are written to one. "
                "A store may be in a bucket: attribase -s URI",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)
