"""Strongroom: keys that stay in an HSM, data keys by the thousand.

    with strongroom.Client.from_environment() as client:
        sealed = client.seal_bytes("demo/app", b"...", {"object": "42"})
        client.open_bytes(sealed, {"object": "42"})
"""
from .client import (Client, DataKey, Key, KeyVersion, Opened, Rewrapped,
                     Sealed)
from .data_keys import DataKeyCache
from .errors import (AlreadyExists, DeadlineExceeded, FailedPrecondition,
                     Internal, InvalidArgument, Malformed, NotAuthentic,
                     NotFound, PermissionDenied, ResourceExhausted,
                     StrongroomError, Unavailable)
from .token import Header, Leaf, Token, parse_header, parse_token

__all__ = [
    "AlreadyExists", "Client", "DataKey", "DataKeyCache", "DeadlineExceeded",
    "FailedPrecondition", "Header", "Internal", "InvalidArgument", "Key",
    "KeyVersion", "Leaf", "Malformed", "NotAuthentic", "NotFound", "Opened",
    "PermissionDenied", "ResourceExhausted", "Rewrapped", "Sealed",
    "StrongroomError", "Token", "Unavailable", "parse_header", "parse_token",
]
