"""HMAC-SHA256 (RFC 2104), written out: not every port has a module for it, and none has signatures with two keys."""

import binascii
import hashlib

BLOCK = 64  # bytes, of SHA-256


def hmac(key, text):
    """The signature of `text` in hex; both are bytes."""
    if len(key) > BLOCK:
        key = hashlib.sha256(key).digest()
    key += bytes(BLOCK - len(key))
    inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in key]))
    inner.update(text)
    outer = hashlib.sha256(bytes([byte ^ 0x5C for byte in key]))
    outer.update(inner.digest())
    return binascii.hexlify(outer.digest()).decode()


def is_same(one, other):
    """Compared to the end whatever they hold, so that the time it takes tells nothing."""
    differs = len(one) ^ len(other)
    for first, second in zip(one.encode(), other.encode()):
        differs |= first ^ second
    return not differs
