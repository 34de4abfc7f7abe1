"""Evidence packs: an answer as a signed folder that can be checked later, without and with the store.

Sits on top of `query`: only `commands/` imports it.
"""

from .manifest import Manifest
from .recompute import Recomputed, recompute
from .signing import SigningKey, create_key, fingerprint, read_key, read_public_key
from .verify import Finding, Trust, verify_pack
from .write import make_pack, write_pack

__all__ = [
    "Finding",
    "Manifest",
    "Recomputed",
    "SigningKey",
    "Trust",
    "create_key",
    "fingerprint",
    "make_pack",
    "read_key",
    "read_public_key",
    "recompute",
    "verify_pack",
    "write_pack",
]
