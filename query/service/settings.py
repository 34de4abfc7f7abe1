"""Settings of `query serve`: the command line first, then environment variables, then a file, then defaults.

The file is TOML with the same names. A variable is `ATTRIBASE_SERVICE_` and the name in capitals.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import Field, ValidationError, create_model
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ...store.errors import InvalidInputError
from .errors import format_validation_errors
from .options import ServiceOptions, is_usable_token

PREFIX = "ATTRIBASE_SERVICE_"
"""Of the names of environment variables."""

HINT = "attribase query serve --print-config lists all settings"
SETTABLE = [one for one in fields(ServiceOptions) if one.name != "token"]
"""The options of the service that are settings; the token is in a file."""


class _Sources(BaseSettings):
    """Settings from the arguments, then the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", validate_default=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order of the sources: the first one that has a setting counts."""
        return init_settings, env_settings


class Listening(_Sources):
    """Where the service listens, and the file of its token."""

    host: str = "127.0.0.1"
    port: int = Field(8765, ge=0, le=65535)
    token_file: Path | None = None


if TYPE_CHECKING:
    ServiceSettings = Listening
else:
    _hints = get_type_hints(ServiceOptions)
    ServiceSettings = create_model(
        "ServiceSettings",
        __base__=Listening,
        __doc__="All settings of `query serve`.",
        **{one.name: (_hints[one.name], one.default) for one in SETTABLE},
    )


def read_settings(given: Mapping[str, Any], file: Path | None = None) -> Listening:
    """The settings in effect: those `given` on the command line, of the environment, and of the file.

    Raises InvalidInputError for a file that is no TOML, an unknown name, or a value that does not fit.
    """
    in_file = _read_file(file) if file is not None else {}
    unknown = sorted(name for name in _variables() if name not in ServiceSettings.model_fields)
    if unknown:
        raise InvalidInputError(f"{PREFIX}{unknown[0].upper()} is no setting of the service", hint=HINT)
    values = {name: value for name, value in in_file.items() if name not in _variables()}
    try:
        return ServiceSettings(**values | dict(given))
    except ValidationError as error:
        details = [dict(one) for one in error.errors(include_url=False, include_input=False)]
        raise InvalidInputError(
            f"a setting is wrong: {format_validation_errors(details)}", hint=HINT
        ) from None


def service_options(settings: Listening) -> ServiceOptions:
    """The options of the service, with the token of its file. Raises InvalidInputError."""
    token = None if settings.token_file is None else read_token(settings.token_file)
    return ServiceOptions(token=token, **{one.name: getattr(settings, one.name) for one in SETTABLE})


def settings_text(settings: Listening) -> str:
    """All settings as TOML that `--config` takes, each with the variable that sets it. No token is in it."""
    lines = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        shown = json.dumps(value if not isinstance(value, Path) else str(value))
        setting = f"# {name} =" if value is None else f"{name} = {shown}"
        lines.append(f"{setting:<40}  # {PREFIX}{name.upper()}")
    return "\n".join(lines) + "\n"


def read_token(path: Path) -> str:
    """The token in a file: its text without surrounding whitespace. Raises InvalidInputError."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            f"cannot read the token in {path}: {error}", hint="it is a line of text"
        ) from error
    if not is_usable_token(token):
        raise InvalidInputError(
            f"{path} holds no usable token",
            hint="write 8 or more letters and digits into it, such as `openssl rand -hex 32` prints",
        )
    return token


def _variables() -> set[str]:
    """The settings that environment variables name, in small letters."""
    return {name[len(PREFIX) :].lower() for name in os.environ if name.upper().startswith(PREFIX)}


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"cannot read the settings in {path}: {error}", hint=f"it is TOML; {HINT}"
        ) from error
