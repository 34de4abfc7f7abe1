"""Answers as Markdown: every picture that is named is a file, and bars are on an absolute scale."""

import io
import re
from urllib.parse import unquote

import pytest
from attribase.query.attribution.answer_document import AnswerDocument, AnswerPart, Picture, ShownImage
from attribase.query.attribution.answer_markdown import pictures_folder, write_answer_markdown
from PIL import Image


def picture():
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    return Picture(out.getvalue(), "png")


def write(folder, *, share=0.5, caption="a cup"):
    shown = ShownImage("sha:../x", picture(), "50%", share, caption, ("Müller | Söhne, CC0",))
    part = AnswerPart("my picture.png", "50% of it", ("Weak evidence.",), picture(), (shown,))
    out = io.BytesIO()
    about = {"store": "my.store at before", "limits": "This is no proof."}
    write_answer_markdown(AnswerDocument("title", (part,), about, ()), out, folder)
    return out.getvalue().decode()


def test_every_picture_is_a_file_beside_the_document(tmp_path):
    file = tmp_path / "my answer.md"
    text = write(pictures_folder(file))
    links = re.findall(r'src="([^"]+)"', text)
    assert len(links) == 2
    for link in links:
        path = tmp_path / unquote(link)
        assert path.parent == tmp_path / "my answer_files"
        assert Image.open(path).size == (40, 30)
    assert " " not in "".join(links)


def test_without_a_file_there_are_no_pictures_and_all_texts(tmp_path):
    text = write(None)
    assert "<img" not in text
    assert list(tmp_path.iterdir()) == []
    assert text.index("50% of it") < text.index("Weak evidence") < text.index("my.store at before")
    assert "This is no proof." in text


@pytest.mark.parametrize(("share", "filled"), [(0.0, 0), (0.026, 0.5), (0.5, 10), (1.0, 20)])
def test_a_whole_bar_is_all_of_the_influence(share, filled):
    (bar,) = re.findall("[█▏▎▍▌▋▊▉░]+", write(None, share=share))
    assert len(bar) == 20
    parts = dict(zip("█▏▎▍▌▋▊▉░", (1, 1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8, 6 / 8, 7 / 8, 0), strict=True))
    assert sum(parts[char] for char in bar) == pytest.approx(filled)


def test_text_of_others_makes_no_cells_tags_or_attributes(tmp_path):
    text = write(tmp_path / "files", caption='<b>|" onerror="x')
    assert "<b>" not in text
    row = next(line for line in text.splitlines() if "50%" in line and line.startswith("|"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 5
    for tag in re.findall("<img[^>]*>", text):
        assert re.fullmatch(r'<img src="[^"]*" alt="[^"]*" width="120">', tag)
