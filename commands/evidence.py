"""`attribase query evidence`, `attribase verify` and `attribase keygen`: answers as signed packs."""

from __future__ import annotations

from pathlib import Path

import click

from ..store import InvalidInputError
from .console import at_option, open_store, say


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--name",
    default="Attribase evidence",
    show_default=True,
    help="Whose key it is, as its certificate says to those who look at a picture's C2PA manifest.",
)
def keygen(path: Path, name: str) -> None:
    """Make a key to sign evidence packs with: FILE is the private key, FILE.pub the public one.

    Keep FILE to yourself; give FILE.pub, or its fingerprint, to those who verify packs. FILE.crt is a
    certificate of the key, for C2PA. Files that are there are not replaced.

    \b
    Example: attribase keygen office.pem --name "Rights office, Example Ltd"
    """
    from ..packs import create_certified_key, fingerprint

    key = create_certified_key(path, name)
    say(f"wrote {path} (private), {path}.pub and {path}.crt")
    click.echo(fingerprint(key.public))


@click.command()
@click.argument("item", metavar="ITEM")
@click.option(
    "-o",
    "--output",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR|FILE.zip",
    help="The pack to write, a folder or one file; it must not be there.",
)
@click.option(
    "--key",
    "key_file",
    required=True,
    envvar="ATTRIBASE_SIGNING_KEY",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The private key to sign with (attribase keygen). [env: ATTRIBASE_SIGNING_KEY]",
)
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The key's certificate, then its issuers' (PEM), for the picture's C2PA manifest.  "
    "[default: KEY.crt, where it is there]",
)
@click.option(
    "--timestamp-url",
    metavar="URL",
    help="Have the signature stamped by this authority (RFC 3161); it gets a hash alone.",
)
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="How many images to name.")
@click.option("--encoder", help="Which features; left out, the best on val models.")
@click.option("--mapper", help="Which mapper, or `none`; left out, the best on val models.")
@click.option("--where", metavar="SQL", help="Only images that fulfil a condition over images and members.")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help='The level of "none of these", as for query attribute.',
)
@at_option
@click.pass_context
def evidence(
    ctx: click.Context,
    /,
    item: str,
    target: Path,
    key_file: Path,
    certificate: Path | None,
    timestamp_url: str | None,
    at: str | None,
    **options: object,
) -> None:
    """Answer which training images influenced ITEM (an image file, or a sample) as a signed folder or zip.

    It holds the picture (also with a C2PA manifest), the answer as JSON, Parquet, page and PDF, thumbnails,
    what is known of rights, the versions of all tables, and a manifest of every file, signed. `attribase
    verify` checks it.

    \b
    Example: attribase -s my.store query evidence sunset.png -o sunset.pack --key office.pem
             attribase verify sunset.pack --signer office.pem.pub
    """
    from ..packs import PackSigner, fingerprint, write_pack
    from ..query import Request, Session

    signer = PackSigner.read(key_file, certificate, timestamp_url)
    request = Request(at=at, **options)  # type: ignore[arg-type]
    made = write_pack(target, Session(open_store(ctx)).snapshot(), item, request, signer)
    for note in (*made.answer.notes, *made.notes):
        say(note)
    say(f"wrote {target}, signed by {fingerprint(signer.key.public)}")
    say(f"next: attribase verify {target} --signer {key_file}.pub")


@click.command()
@click.argument("path", metavar="PACK", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--signer",
    metavar="FILE.pub|FINGERPRINT",
    help="Whose signature it must be: a public key, or its fingerprint.",
)
@click.option(
    "--timestamp-root",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Which authorities' time stamps count: their root certificates (PEM).",
)
@click.pass_context
def verify(ctx: click.Context, path: Path, signer: str | None, timestamp_root: Path | None) -> None:
    """Check an evidence pack: signature, signer and every file; with a store, also the answer.

    PACK is a folder, or a zip file as `query evidence` and the service write it. With a store the question is
    asked again at the versions that answered it. The exit code is 1 where anything does not hold.

    \b
    Example: attribase verify sunset.pack --signer office.pem.pub
             attribase -s my.store verify sunset.pack --signer office.pem.pub
    """
    from ..packs import Trust, read_roots, recompute, verify_pack

    roots = [] if timestamp_root is None else read_roots(timestamp_root)
    good = True
    for finding in verify_pack(path, Trust(_fingerprint(signer), roots)):
        good &= finding.holds
        _tell(finding.holds, f"{finding.check}: {finding.detail}")
    if good and ctx.find_root().obj:
        found = recompute(path, open_store(ctx))
        good = found.equal
        for line in found.differences:
            _tell(False, f"answer: {line}")
        if good:
            _tell(True, f"answer: asked again it is equal, numbers within {found.largest:.1g}")
    elif good:
        say("not asked again: name the store to compare the answer, attribase -s STORE verify ...")
    if not good:
        say("this pack does not hold: do not rely on it")
        ctx.exit(1)


def _tell(holds: bool, text: str) -> None:
    """One line, whatever characters a pack has put into it: none of them may write a line of its own."""
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    click.echo(f"{'ok' if holds else 'FAILED'}  {shown}")


def _fingerprint(signer: str | None) -> str | None:
    """The fingerprint of a public key file, or the one that was given. Raises InvalidInputError."""
    from ..packs import fingerprint, read_public_key

    if signer is None:
        return None
    text = signer.strip().lower()
    if len(text) == 64 and set(text) <= set("0123456789abcdef"):
        return text
    if not Path(signer).is_file():
        raise InvalidInputError(
            f"{signer} is neither a file nor a fingerprint", hint="a fingerprint has 64 hexadecimal digits"
        )
    return fingerprint(read_public_key(Path(signer)))
