"""Packs made to deceive: signed with a key of the forger, or changed after an honest signature."""

import io
import json

import pyarrow.parquet as pq
import pytest
from attribase.cli import cli
from attribase.packs import Trust, create_key, fingerprint, recompute, verify_pack
from attribase.packs.canonical import to_canonical
from attribase.packs.container import write_folder
from attribase.packs.manifest import MANIFEST, NEEDED, SIGNATURE, Manifest
from attribase.packs.seal import PackSigner, seal
from attribase.store import DataError
from click.testing import CliRunner

from .conftest import png


@pytest.fixture(scope="module")
def forger(tmp_path_factory):
    return create_key(tmp_path_factory.mktemp("forger") / "forger.pem")


def problems(pack, signer=None):
    return [finding for finding in verify_pack(pack, Trust(signer)) if not finding.holds]


def sign_anew(pack, forger, **changed):
    """The pack with other files, signed by somebody else who hides that: it holds, with that key."""
    files = {
        path.relative_to(pack).as_posix(): path.read_bytes() for path in pack.rglob("*") if path.is_file()
    }
    content = json.loads(changed.get("answer.json", files["answer.json"]))
    content["signer"] = PackSigner(forger).describe()
    for name in (MANIFEST, SIGNATURE, "picture-c2pa.png", "certificate.pem"):
        files.pop(name)
        (pack / name).unlink()
    write_folder(pack, seal(files | changed | {"answer.json": to_canonical(content)}, PackSigner(forger)))


def parquet(table):
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def changed_answer(pack, **fields):
    content = json.loads((pack / "answer.json").read_text())
    for name, value in fields.items():
        content[name] = {**content[name], **value} if isinstance(value, dict) else value
    return to_canonical(content)


def test_a_signature_of_another_pack_is_refused(pack, key):
    other = seal(dict.fromkeys(NEEDED, b"{}"), PackSigner(key))
    (pack / SIGNATURE).write_bytes(other[SIGNATURE])
    assert [one.check for one in problems(pack)] == ["signature"]
    (pack / MANIFEST).write_bytes(other[MANIFEST])
    assert "files" in [one.check for one in problems(pack, fingerprint(key.public))]


def test_the_public_key_in_a_signature_cannot_be_replaced(pack, key, forger):
    mine = json.loads(forger.sign((pack / MANIFEST).read_bytes()))
    row = json.loads((pack / SIGNATURE).read_text())
    (pack / SIGNATURE).write_bytes(to_canonical(row | {"public_key": mine["public_key"]}))
    assert [one.check for one in problems(pack)] == ["signature"]
    (pack / SIGNATURE).write_bytes(to_canonical(row | {"signature": mine["signature"]}))
    assert [one.check for one in problems(pack)] == ["signature"]
    (pack / SIGNATURE).write_bytes(to_canonical(mine))
    found = [(one.check, one.detail) for one in problems(pack, fingerprint(key.public))]
    assert [check for check, _ in found] == ["signer", "signer", "C2PA"]
    assert "answer.json names" in found[1][1]


@pytest.mark.parametrize("key_bytes", [b"\0" * 32, b"\1" + b"\0" * 31, b"\xff" * 32])
def test_a_key_that_signs_everything_is_no_signer(pack, key, key_bytes):
    """Points of small order: there are signatures that hold for them whatever was signed."""
    row = {"algorithm": "Ed25519", "public_key": key_bytes.hex(), "signature": ("01" + "00" * 63)}
    (pack / SIGNATURE).write_bytes(to_canonical(row))
    assert problems(pack, fingerprint(key.public))


@pytest.mark.parametrize(
    "twice",
    [
        (b'{\n  "created"', b'{\n  "created": "2001-01-01T00:00:00Z",\n  "created"'),
        (b'"software"', b'"softw\\u0061re"'),
        (b"\n}\n", b"\n}\n\n"),
        (b"{", b"\xef\xbb\xbf{"),
    ],
)
def test_names_given_twice_and_other_forms_of_the_same_manifest_are_refused_though_signed(
    pack, forger, twice
):
    data = (pack / MANIFEST).read_bytes().replace(*twice, 1)
    (pack / MANIFEST).write_bytes(data)
    (pack / SIGNATURE).write_bytes(forger.sign(data))
    assert [one.check for one in problems(pack)] == ["signature"]


def test_a_manifest_cannot_write_lines_of_its_own(pack, forger):
    files = Manifest.from_bytes((pack / MANIFEST).read_bytes()).files
    lie = "2026-11-27T00:00:00Z\nok  signer: the office\n\x1b[2Kok  answer: equal"
    for fields in ((lie, "attribase 1"), ("2026-11-27T00:00:00Z", f"attribase 1{lie}")):
        data = Manifest(files, *fields).to_bytes()
        (pack / MANIFEST).write_bytes(data)
        (pack / SIGNATURE).write_bytes(forger.sign(data))
        found = CliRunner().invoke(cli, ["verify", str(pack)])
        assert found.exit_code == 1
        assert [line[:6] for line in found.stdout.splitlines()] == ["FAILED"]
        assert "\x1b" not in found.stdout


def test_names_of_files_cannot_write_lines_of_their_own(pack):
    (pack / "x\nok  signer: the office\x1b[2K").write_bytes(b"")
    found = CliRunner().invoke(cli, ["verify", str(pack)])
    assert found.exit_code == 1
    assert [line.partition(":")[0] for line in found.stdout.splitlines()] == [
        "ok  signature",
        "ok  signer",
        "FAILED  files",
    ]
    assert "\x1b" not in found.stdout


def test_an_answer_cannot_write_lines_of_its_own(pack, forger, pictured):
    answer = json.loads((pack / "answer.json").read_text())["answer"] | {"x\nok  answer: equal\x1b[2K": 1}
    sign_anew(pack, forger, **{"answer.json": changed_answer(pack, answer=answer)})
    found = CliRunner().invoke(cli, ["-s", pictured.store.uri, "verify", str(pack)])
    assert found.exit_code == 1
    assert all(line.startswith(("ok  sign", "ok  files", "FAILED")) for line in found.stdout.splitlines())
    assert "\x1b" not in found.stdout


@pytest.mark.parametrize(
    "file", ["../secret.png", "/etc/hostname", "page.html", "manifest.json", "thumbnails/001.png", 7]
)
def test_no_other_file_is_read_as_the_picture(pack, forger, pictured, file):
    (pack.parent / "secret.png").write_bytes(png(1))
    asked = {"kind": "picture", "prompt": None, "file": file}
    sign_anew(pack, forger, **{"answer.json": changed_answer(pack, asked=asked)})
    assert not problems(pack)
    with pytest.raises(DataError, match=r"no picture of the pack|cannot be asked again"):
        recompute(pack, pictured.store)


def test_a_question_names_no_file_of_this_machine(pack, forger, pictured, tmp_path):
    (tmp_path / "secret.png").write_bytes(png(1))
    asked = {"question": str(tmp_path / "secret.png")}
    sign_anew(pack, forger, **{"answer.json": changed_answer(pack, asked=asked)})
    with pytest.raises(Exception, match="is no file, sample_id or sample's uri"):
        recompute(pack, pictured.store)


def test_another_picture_beside_the_answer_of_a_sample_is_found_with_the_store(pack, forger, pictured):
    sign_anew(pack, forger, **{"picture.png": png(5)})
    assert not problems(pack)  # a signature does not vouch for what the files say ...
    found = recompute(pack, pictured.store)  # ... the store knows better
    assert [text.partition(":")[0] for text in found.differences][:2] == ["asked.sha256", "asked"]


def test_a_page_and_rows_that_say_something_else_are_found_with_the_store(pack, forger, pictured):
    page = (pack / "page.html").read_bytes().replace(b"CC0", b"public domain")
    rows = pq.read_table(io.BytesIO((pack / "images.parquet").read_bytes()))
    sign_anew(pack, forger, **{"page.html": page, "images.parquet": parquet(rows.slice(1))})
    assert not problems(pack)
    found = recompute(pack, pictured.store).differences
    said = [f"{name} does not say what answer.json says" for name in ("images.parquet", "page.html")]
    assert list(found) == said


def test_another_prompt_and_other_limits_are_found_with_the_store(pack, forger, pictured):
    changed = changed_answer(pack, asked={"prompt": "a dog"}, limits=["This is proof."])
    sign_anew(pack, forger, **{"answer.json": changed})
    found = recompute(pack, pictured.store)
    assert [text.partition(":")[0] for text in found.differences] == [
        "asked.prompt",
        "limits",
        "page.html does not say what answer.json says",
    ]
