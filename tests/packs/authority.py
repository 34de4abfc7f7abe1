"""A time stamping authority of tests (RFC 3161), on this machine: it stamps whatever it is sent."""

import datetime
import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rfc3161_client import _rust

SEQUENCE, SET, INTEGER, OCTETS, OID, NULL, TIME = 0x30, 0x31, 2, 4, 6, 5, 0x18
SHA_256, SHA_512 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3"
ECDSA_SHA_256 = "1.2.840.10045.4.3.2"
SIGNED_DATA, STAMP_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE = (
    "1.2.840.113549.1.9.3",
    "1.2.840.113549.1.9.4",
    "1.2.840.113549.1.9.16.2.47",
)


def der(tag, *parts):
    """A value of ASN.1 in DER."""
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def integer(value):
    return der(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted):
    first, second, *others = map(int, dotted.split("."))
    out = bytearray([40 * first + second])
    for one in others:
        digits = [one & 127]
        while one := one >> 7:
            digits.append(one & 127 | 128)
        out += bytes(reversed(digits))
    return der(OID, bytes(out))


def algorithm(dotted):
    return der(SEQUENCE, oid(dotted))


def set_of(*parts):
    return b"".join(sorted(parts))


class Authority:
    """A root, and a certificate that stamps."""

    def __init__(self, name="An authority"):
        self.root_key, self.key = (
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP256R1()),
        )
        root, own = (
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (f"Root of {name}", name)
        )
        self.root = self._made(root, root, self.root_key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.root = self.root.sign(self.root_key, SHA256())
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        made = self._made(own, root, self.key).add_extension(purpose, critical=True)
        issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root_key.public_key())
        self.certificate = made.add_extension(issued_by, critical=False).sign(self.root_key, SHA256())
        self.moment = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        self.asked = []

    def _made(self, subject, issuer, key):
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        made = x509.CertificateBuilder(
            issuer, subject, key.public_key(), x509.random_serial_number(), now - day, now + 365 * day
        )
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return made.add_extension(identifier, critical=False)

    def pem(self):
        return self.root.public_bytes(Encoding.PEM)

    def answer(self, request):
        """The stamp that a request asks for."""
        asked = _rust.parse_timestamp_request(request)
        self.asked.append(asked.message_imprint.message)
        info = der(
            SEQUENCE,
            integer(1),
            oid("1.2.3.4"),
            der(SEQUENCE, algorithm(SHA_512), der(OCTETS, asked.message_imprint.message)),
            integer(7),
            der(TIME, self.moment.strftime("%Y%m%d%H%M%SZ").encode()),
            integer(asked.nonce),
        )
        return der(SEQUENCE, der(SEQUENCE, integer(0)), self._signed(info))

    def _signed(self, info):
        """The content, signed as CMS (RFC 5652) has it."""
        own = self.certificate.public_bytes(Encoding.DER)
        attributes = set_of(
            self._attribute(CONTENT_TYPE, oid(STAMP_INFO)),
            self._attribute(MESSAGE_DIGEST, der(OCTETS, hashlib.sha256(info).digest())),
            self._attribute(
                SIGNING_CERTIFICATE,
                der(SEQUENCE, der(SEQUENCE, der(SEQUENCE, der(OCTETS, hashlib.sha256(own).digest())))),
            ),
        )
        signature = self.key.sign(der(SET, attributes), ec.ECDSA(SHA256()))
        issuer = self.certificate.issuer.public_bytes()
        signer = der(
            SEQUENCE,
            integer(1),
            der(SEQUENCE, issuer, integer(self.certificate.serial_number)),
            algorithm(SHA_256),
            der(0xA0, attributes),
            algorithm(ECDSA_SHA_256),
            der(OCTETS, signature),
        )
        certificates = set_of(own, self.root.public_bytes(Encoding.DER))
        data = der(
            SEQUENCE,
            integer(3),
            der(SET, algorithm(SHA_256)),
            der(SEQUENCE, oid(STAMP_INFO), der(0xA0, der(OCTETS, info))),
            der(0xA0, certificates),
            der(SET, signer),
        )
        return der(SEQUENCE, oid(SIGNED_DATA), der(0xA0, data))

    @staticmethod
    def _attribute(name, value):
        return der(SEQUENCE, oid(name), der(SET, value))

    @contextmanager
    def served(self, change=lambda answer: answer, status=200):
        """The address of it while it answers; `change` is made to each answer."""
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.headers["content-type"] == "application/timestamp-query"
                answer = change(authority.answer(body))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsr"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
