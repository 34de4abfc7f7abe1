"""Captions asked of an OpenAI-compatible endpoint, into a table that a person reviews before it is used."""

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...store import InvalidInputError, Step
from ..plan.prompts import CONCEPT
from .prompts import STYLE, PromptRow, own_prompts, read_rows, write_prompts

OBJECT_CAPTIONS, OBJECT_TRAIN = 25, 15
STYLE_CAPTIONS, STYLE_TRAIN = 50, 40
"""Captions of a category and of styles, and how many of them are for train models; the rest is for test."""

KEY = "OPENAI_API_KEY"
ATTEMPTS = 4
SECONDS = 120


def request_prompts(url: str, model: str, categories: Sequence[str], path: Path) -> Iterator[Step]:
    """Ask for 25 captions of each category, and 50 of paintings, and write them to `path` as not reviewed.

    Media and objects are ours, as reviewed. A category is written when all its captions are there, so that
    the same call goes on where it stopped; what was edited in the file stays. The key is read from
    OPENAI_API_KEY where the endpoint wants one.

    Raises InvalidInputError where the endpoint cannot be reached or answers something else.
    """
    wanted = [*dict.fromkeys(categories), STYLE]
    rows = read_rows(path) if path.exists() else [row for row in own_prompts().rows if row.scheme != "gpt"]
    known = {row.category for row in rows if row.scheme == "gpt"}
    missing = [category for category in wanted if category not in known]
    for number, category in enumerate(missing, len(wanted) - len(missing)):
        count, train = (STYLE_CAPTIONS, STYLE_TRAIN) if category == STYLE else (OBJECT_CAPTIONS, OBJECT_TRAIN)
        captions = _ask(url, model, category, count)
        rows += [
            PromptRow("train" if at < train else "test", "gpt", category, caption, "no")
            for at, caption in enumerate(captions)
        ]
        write_prompts(path, rows)
        yield Step("prompts", number + 1, len(wanted), category)


def _ask(url: str, model: str, category: str, count: int) -> list[str]:
    """`count` different captions, asked for again where some are not usable."""
    found: dict[str, str] = {}
    for _ in range(ATTEMPTS):
        for line in _complete(url, model, _question(category, count)).splitlines():
            text = re.sub(r"^\s*(\d+[.):]|[-*\u2022])\s*", "", line).strip().strip('"')
            if text.count(CONCEPT) == 1:
                found.setdefault(" ".join(text.lower().split()), text)
        if len(found) >= count:
            return list(found.values())[:count]
    raise InvalidInputError(
        f"{model} gave {len(found)} usable captions of {category!r} in {ATTEMPTS} answers, not {count}",
        hint=f"a caption is a line with one {CONCEPT}; try another --model",
    )


def _question(category: str, count: int) -> str:
    what = (
        f"captions of paintings, each with the ending 'in the style of {CONCEPT}'"
        if category == STYLE
        else f"captions of pictures of a {category}, in different places and situations; write {CONCEPT}"
        f" for the {category} itself"
    )
    return (
        f"Write {count} different {what}. One caption a line, without numbers and without quotes. Every line"
        f" holds {CONCEPT} exactly once, with the braces. At most 15 words a line."
    )


def _complete(url: str, model: str, question: str) -> str:
    """The text that a chat completion answers."""
    body = {"model": model, "messages": [{"role": "user", "content": question}]}
    headers = {"Content-Type": "application/json"}
    if os.environ.get(KEY):
        headers["Authorization"] = f"Bearer {os.environ[KEY]}"
    address = f"{url.rstrip('/')}/chat/completions"
    if not address.startswith(("http://", "https://")):
        raise InvalidInputError(f"{url} is no address", hint="such as http://localhost:8000/v1")
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)  # noqa: S310 - http(s) alone
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as reply:  # noqa: S310
            answer = json.load(reply)
        text = answer["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        said = error.read(500).decode(errors="replace").strip()
        raise InvalidInputError(
            f"{address} answered {error.code}: {said or error.reason}", hint=f"check --model and {KEY}"
        ) from error
    except OSError as error:
        raise InvalidInputError(
            f"{address} cannot be reached: {getattr(error, 'reason', error)}", hint="check the address"
        ) from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InvalidInputError(
            f"{address} answered no chat completion", hint="give the address of an OpenAI-compatible API"
        ) from error
    return str(text)
