"""Time stamps: of an authority on this machine, taken, checked and refused."""

import hashlib
import random
import subprocess

import pytest
from attribase.cli import cli
from attribase.packs import PackSigner, Trust, create_key, read_roots, verify_pack
from attribase.packs.container import write_folder
from attribase.packs.manifest import NEEDED, STAMP, STAMP_SIGNATURE
from attribase.packs.seal import seal
from attribase.packs.timestamp import check_timestamp, request_timestamp
from attribase.store import DataError, InvalidInputError
from attribase.store.errors import UnreachableError
from click.testing import CliRunner

from .authority import Authority
from .conftest import SAMPLE


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def stamped_once(pictured_once, key_file, authority, tmp_path_factory):
    """A pack that the command line wrote."""
    folder = tmp_path_factory.mktemp("stamped") / "a.pack"
    with authority.served() as url:
        arguments = ["query", "evidence", SAMPLE, "-k", "2", "-o", str(folder), "--key", str(key_file)]
        made = CliRunner().invoke(cli, ["-s", pictured_once.store.uri, *arguments, "--timestamp-url", url])
    assert made.exit_code == 0, made.stderr
    return folder


@pytest.fixture
def stamped(stamped_once, tmp_path):
    files = {
        one.relative_to(stamped_once).as_posix(): one.read_bytes()
        for one in stamped_once.rglob("*")
        if one.is_file()
    }
    (tmp_path / "a.pack").mkdir()
    write_folder(tmp_path / "a.pack", files)
    return tmp_path / "a.pack"


def findings(pack, **trust):
    return {one.check: one for one in verify_pack(pack, Trust(**trust))}


def problems(pack, **trust):
    return [one.check for one in verify_pack(pack, Trust(**trust)) if not one.holds]


def test_the_moment_and_the_authority_of_a_stamp_are_told(stamped, authority):
    found = findings(stamped, timestamp_roots=[authority.root])
    assert all(one.holds for one in found.values())
    moment = authority.moment.isoformat().replace("+00:00", "Z")
    assert found["time stamp"].detail == f"{moment} by CN=An authority"
    assert "not compared with one that you know" in findings(stamped)["time stamp"].detail


def test_the_authority_gets_a_hash_alone(stamped, authority):
    assert authority.asked == [hashlib.sha512((stamped / "signature.json").read_bytes()).digest()]


def test_another_program_agrees(stamped, authority, tmp_path):
    (tmp_path / "root.pem").write_bytes(authority.pem())
    command = [
        "openssl",
        "ts",
        "-verify",
        "-in",
        str(stamped / STAMP),
        "-data",
        str(stamped / "signature.json"),
    ]
    try:
        ran = subprocess.run(
            [*command, "-CAfile", str(tmp_path / "root.pem")], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("the program openssl is not installed")
    assert (ran.returncode, b"Verification: OK" in ran.stdout + ran.stderr) == (0, True), ran.stderr


def test_the_command_compares_the_authority_with_one_that_is_known(stamped, authority, tmp_path):
    for name, one in {"good.pem": authority, "other.pem": Authority("Another")}.items():
        (tmp_path / name).write_bytes(one.pem())
    good, other = (
        CliRunner().invoke(cli, ["verify", str(stamped), "--timestamp-root", str(tmp_path / name)])
        for name in ("good.pem", "other.pem")
    )
    assert good.exit_code == 0, good.stdout
    assert (other.exit_code, "FAILED  time stamp" in other.stdout) == (1, True)


@pytest.mark.parametrize("name", [STAMP, STAMP_SIGNATURE])
def test_one_changed_byte_of_a_stamp_is_found(stamped, name):
    """Also one in a part that the authority does not sign, such as its certificates."""
    chosen, whole = random.Random(2), (stamped / name).read_bytes()
    for at in {0, len(whole) - 1, *(chosen.randrange(len(whole)) for _ in range(25))}:
        changed = bytearray(whole)
        changed[at] ^= chosen.randrange(1, 256)
        (stamped / name).write_bytes(bytes(changed))
        assert problems(stamped) == ["time stamp"], at


@pytest.mark.parametrize("name", [STAMP, STAMP_SIGNATURE])
def test_a_stamp_cannot_be_taken_away(stamped, name):
    (stamped / name).unlink()
    assert problems(stamped) == ["time stamp"]


def test_a_stamp_of_another_signature_is_refused(stamped, key, authority):
    with authority.served() as url:
        other = request_timestamp(url, b"another signature")
    (stamped / STAMP).write_bytes(other)
    (stamped / STAMP_SIGNATURE).write_bytes(key.sign(other))
    assert problems(stamped) == ["time stamp"]


def test_a_stamp_that_another_key_signed_is_refused(stamped, tmp_path):
    other = create_key(tmp_path / "other.pem")
    (stamped / STAMP_SIGNATURE).write_bytes(other.sign((stamped / STAMP).read_bytes()))
    assert "another key signed the time stamp" in findings(stamped)["time stamp"].detail


def test_a_stamp_that_the_manifest_does_not_name_is_no_signed_file(pack):
    (pack / STAMP).write_bytes(b"x")
    assert problems(pack) == ["files"]


def test_an_authority_that_gives_no_stamp_is_an_error_and_nothing_is_written(
    pictured_once, key_file, authority, tmp_path
):
    for change, status in (
        (lambda _: b"no stamp", 200),
        (lambda one: one + b"x", 200),
        (lambda one: one, 503),
    ):
        with authority.served(change, status) as url:
            arguments = ["query", "evidence", SAMPLE, "-o", str(tmp_path / "a.pack"), "--key", str(key_file)]
            made = CliRunner().invoke(
                cli, ["-s", pictured_once.store.uri, *arguments, "--timestamp-url", url]
            )
        assert made.exit_code == 1
        assert "gave no time stamp" in made.stderr
        assert "name another authority" in made.stderr
    assert not list(tmp_path.iterdir())


def test_an_answer_to_another_request_is_refused(authority):
    """Somebody between who has an older stamp of the same signature: its number is another."""
    with authority.served() as url:
        old = request_timestamp(url, b"data")
    with authority.served(lambda _: old) as url, pytest.raises(UnreachableError, match="Nonce mismatch"):
        request_timestamp(url, b"data")


def test_an_authority_whose_certificate_is_for_something_else_is_refused(authority, signer):
    with authority.served() as url:
        answer = request_timestamp(url, b"data")
    with pytest.raises(DataError, match="does not hold"):
        check_timestamp(answer, b"data", signer.chain.certificates)


def test_an_answer_that_is_too_long_is_not_read(authority):
    with (
        authority.served(lambda _: bytes(2 << 20)) as url,
        pytest.raises(UnreachableError, match="more than"),
    ):
        request_timestamp(url, b"data")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.example/", "tsa.example", "http://a b", ""])
def test_an_address_that_is_none_is_refused_before_anything_is_asked(key_file, url):
    with pytest.raises(InvalidInputError, match="no address of an authority"):
        PackSigner.read(key_file, timestamp_url=url)


def test_nobody_there_is_an_error(key):
    with pytest.raises(UnreachableError, match="gave no time stamp"):
        seal(dict.fromkeys(NEEDED, b""), PackSigner(key, timestamp_url="http://127.0.0.1:9/"))


def test_roots_are_read_from_a_file(authority, key_file, tmp_path):
    (tmp_path / "roots.pem").write_bytes(2 * authority.pem())
    assert read_roots(tmp_path / "roots.pem") == 2 * [authority.root]
    with pytest.raises(InvalidInputError, match="holds no certificate"):
        read_roots(key_file)
