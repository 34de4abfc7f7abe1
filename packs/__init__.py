"""Evidence packs: an answer as a signed folder that can be checked later, without and with the store.

Sits on top of `query`: only `commands/` imports it.
"""

from .certificates import CertificateChain, create_certified_key
from .manifest import Manifest
from .recompute import Recomputed, recompute
from .seal import PackSigner
from .signing import SigningKey, create_key, fingerprint, read_key, read_public_key
from .timestamp import read_roots
from .verify import Finding, Trust, verify_pack
from .write import make_pack, write_pack

__all__ = [
    "CertificateChain",
    "Finding",
    "Manifest",
    "PackSigner",
    "Recomputed",
    "SigningKey",
    "Trust",
    "create_certified_key",
    "create_key",
    "fingerprint",
    "make_pack",
    "read_key",
    "read_public_key",
    "read_roots",
    "recompute",
    "verify_pack",
    "write_pack",
]
