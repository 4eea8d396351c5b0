#!/usr/bin/python3
"""Writes the test vectors of the formats (docs/formats.md).

This program is written from the format document alone and shares nothing with
the C++ code: a mistake would have to be made twice, in two languages, to go
unseen. It is deterministic: keys, ids and nonces that would be random are
SHA-256 of a label.
Long because it shares nothing with anything, and has every format in it.

  generate.py            writes the .json files beside it
  generate.py --check    fails unless they are byte for byte what it would write

Bytes are lower-case hex. A vector with "refused" must fail with that reason.
"""

import hashlib
import json
import pathlib
import struct
import sys
import zlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HERE = pathlib.Path(__file__).resolve().parent
DEK, DATA = 1, 2


def made(label, size):
    """Bytes that stand for random ones."""
    out = b""
    block = 0
    while len(out) < size:
        out += hashlib.sha256(f"{label}/{block}".encode()).digest()
        block += 1
    return out[:size]


def u16(value):
    return struct.pack(">H", value)


def u32(value):
    return struct.pack(">I", value)


KEK = made("kek", 32)
KEY_ID = made("key id", 16)
BATCH_ID = made("batch id", 16)
BATCH_KEY = made("batch key", 32)
IV = made("iv", 12)
SALT = made("salt", 8)


# --- the formats, as the document gives them -------------------------------

def canonical(pairs):
    return b"".join(u16(len(k)) + k + u16(len(v)) + v
                    for k, v in sorted(pairs))


def header_fixed(key_id=KEY_ID, version=1, batch_id=BATCH_ID, sealed_len=60,
                 magic=b"SR", fmt=1, suite=1):
    return (magic + bytes([fmt, suite]) + key_id + u32(version) + batch_id +
            u16(sealed_len))


def seal(key, nonce, plaintext, aad):
    return AESGCM(key).encrypt(nonce, plaintext, aad)


def make_header(kek=KEK, iv=IV, batch_key=BATCH_KEY, key_id=KEY_ID, version=1,
                batch_id=BATCH_ID):
    aad = header_fixed(key_id, version, batch_id, len(iv) + 48)
    return aad + iv + seal(kek, iv, batch_key, aad)


def leaf_aad(key_id, batch_id, purpose, context):
    return b"SR\x01" + key_id + batch_id + bytes([purpose]) + context


def make_leaf(secret, purpose=DEK, context=b"", salt=SALT, index=0,
              batch_key=BATCH_KEY, key_id=KEY_ID, batch_id=BATCH_ID):
    nonce = salt + u32(index)
    sealed = seal(batch_key, nonce, secret,
                  leaf_aad(key_id, batch_id, purpose, context))
    return bytes([purpose]) + salt + u32(index) + sealed


def known_answer_aad(key_id, version):
    return b"SR\x00" + b"known-answer" + key_id + u32(version)


def flipped(data, bit):
    out = bytearray(data)
    out[bit // 8] ^= 1 << (bit % 8)
    return bytes(out)


def as_json(vector):
    def convert(value):
        if isinstance(value, bytes):
            return value.hex()
        if isinstance(value, (list, tuple)):
            return [convert(v) for v in value]
        return value
    return {name: convert(value) for name, value in vector.items()}


# --- the files --------------------------------------------------------------

def context_vectors():
    full = [(b"k%02d" % i, b"v") for i in range(32)]
    # 4 bytes of lengths and 2 of key leave 8186 for the value of one pair.
    longest = [(b"kk", b"v" * 8186)]
    good = {
        "the empty context is zero bytes": [],
        "one pair": [(b"tenant", b"acme")],
        "pairs come out sorted by key": [(b"b", b"2"), (b"a", b"1"),
                                         (b"c", b"3")],
        "a prefix sorts before what it begins": [(b"aa", b"2"), (b"a", b"1")],
        "a shorter key does not sort first by its length":
            [(b"b", b"1"), (b"aa", b"2")],
        "upper case sorts before lower case": [(b"a", b"1"), (b"B", b"2")],
        "bytes are compared unsigned":
            [("\u00e9".encode(), b"2"), (b"z", b"1")],
        "an empty value is a value": [(b"present", b"")],
        "length and bytes keep neighbours apart": [(b"ab", b"c")],
        "length and bytes keep neighbours apart, the other way":
            [(b"a", b"bc")],
        "UTF-8 of two, three and four bytes":
            [("\u00fc\u20ac\U0001f511".encode(), "\u6f22\u5b57".encode())],
        "no normalisation: composed and decomposed are two keys":
            [("\u00e9".encode(), b"1"), ("e\u0301".encode(), b"2")],
        "a NUL byte is UTF-8 like any other": [(b"a\x00b", b"\x00")],
        "thirty-two pairs": list(reversed(full)),
        "exactly 8192 bytes": longest,
    }
    for name, pairs in good.items():
        yield {"name": name, "pairs": pairs, "canonical": canonical(pairs)}

    bad_pairs = {
        "thirty-three pairs": full + [(b"more", b"v")],
        "8193 bytes": [(b"kk", b"v" * 8187)],
        "an empty key": [(b"", b"value")],
        "a key that occurs twice with one value": [(b"a", b"1"), (b"a", b"1")],
        "a key that occurs twice with two values":
            [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")],
        "a key that is a lone continuation byte": [(b"\x80", b"v")],
        "a key that is an overlong slash": [(b"\xc0\xaf", b"v")],
        "a value that is a surrogate": [(b"k", b"\xed\xa0\x80")],
        "a value that ends inside a character": [(b"k", b"\xe2\x82")],
        "a value beyond U+10FFFF": [(b"k", b"\xf4\x90\x80\x80")],
        "a value of 0xff": [(b"k", b"\xff")],
    }
    for name, pairs in bad_pairs.items():
        yield {"name": name, "pairs": pairs, "refused": "CONTEXT_INVALID"}

    two = canonical([(b"a", b"1"), (b"b", b"2")])
    bad_bytes = {
        "one byte": b"\x00",
        "a length without its key": u16(1),
        "a key without a value": u16(1) + b"a",
        "a key longer than what follows": u16(9) + b"a" + u16(0),
        "a value longer than what follows": u16(1) + b"a" + u16(2) + b"x",
        "a trailing byte": two + b"\x00",
        "cut by one byte": two[:-1],
        "keys out of order": two[6:] + two[:6],
        "the same pair twice": two[:6] * 2,
        "a zero-length key": u16(0) + u16(1) + b"v",
        "a key that is not UTF-8": u16(1) + b"\xff" + u16(0),
        "a value that is not UTF-8": u16(1) + b"a" + u16(1) + b"\xff",
        "thirty-three pairs in order": canonical(full + [(b"more", b"v")]),
        "8193 bytes of one pair": canonical([(b"kk", b"v" * 8187)]),
    }
    for name, data in bad_bytes.items():
        yield {"name": name, "canonical": data, "refused": "CONTEXT_INVALID"}


def header_vector(name, **inputs):
    given = dict(kek=KEK, iv=IV, batch_key=BATCH_KEY, key_id=KEY_ID, version=1,
                 batch_id=BATCH_ID)
    given.update(inputs)
    header = make_header(**given)
    return {"name": name, "kek": given["kek"], "iv": given["iv"],
            "batch_key": given["batch_key"], "key_id": given["key_id"],
            "key_version": given["version"], "batch_id": given["batch_id"],
            "aad": header[:42], "sealed": header[42:], "header": header}


def header_vectors():
    yield header_vector("a 12-byte IV")
    yield header_vector("a 16-byte IV", iv=made("device iv", 16))
    yield header_vector("the highest key version", version=2**31 - 1)
    yield header_vector("a version that uses every byte", version=0x01020304)
    yield header_vector("another key, KEK and batch", kek=made("kek 2", 32),
                        iv=made("iv 2", 12), key_id=made("key id 2", 16),
                        batch_id=made("batch id 2", 16),
                        batch_key=made("batch key 2", 32), version=7)
    yield header_vector("all ids and keys zero", kek=bytes(32), iv=bytes(12),
                        key_id=bytes(16), batch_id=bytes(16),
                        batch_key=bytes(32))

    good = make_header()
    sealed = good[42:]
    wide = make_header(iv=made("device iv", 16))
    malformed = {
        "nothing": b"",
        "the magic alone": b"SR",
        "magic and format alone": b"SR\x01",
        "magic, format and suite alone": b"SR\x01\x01",
        "cut before the end of sealed_len": good[:41],
        "cut after sealed_len": good[:42],
        "cut inside the IV": good[:50],
        "cut by one byte": good[:-1],
        "one trailing byte": good + b"\x00",
        "another header after it": good + good,
        "lower-case magic": b"sr" + good[2:],
        "the magic's first byte wrong": b"T" + good[1:],
        "the text form, base64": b"U1IBAQ" + good[6:],
        "version 0": header_fixed(version=0) + sealed,
        "version 2^31": header_fixed(version=2**31) + sealed,
        "version 2^32-1": header_fixed(version=2**32 - 1) + sealed,
        "sealed_len 0": header_fixed(sealed_len=0),
        "sealed_len 59": header_fixed(sealed_len=59) + sealed[:59],
        "sealed_len 61": header_fixed(sealed_len=61) + sealed + b"\x00",
        "sealed_len 62": header_fixed(sealed_len=62) + sealed + bytes(2),
        "sealed_len 63": header_fixed(sealed_len=63) + sealed + bytes(3),
        "sealed_len 65": header_fixed(sealed_len=65) + sealed + bytes(5),
        "sealed_len 2048": header_fixed(sealed_len=2048) + bytes(2048),
        "sealed_len 2049": header_fixed(sealed_len=2049) + bytes(2049),
        "sealed_len 65535 with nothing behind it":
            header_fixed(sealed_len=65535) + sealed,
        "sealed_len 64 with 60 bytes": header_fixed(sealed_len=64) + sealed,
        "sealed_len 60 with 64 bytes":
            header_fixed(sealed_len=60) + wide[42:],
    }
    for name, data in malformed.items():
        yield {"name": name, "header": data, "refused": "MALFORMED"}

    unknown = {
        "format 0, that of known answers": good[:2] + b"\x00" + good[3:],
        "format 2": good[:2] + b"\x02" + good[3:],
        "format 255": good[:2] + b"\xff" + good[3:],
        "format 2, shorter than ours": b"SR\x02",
        "format 2 with suite 2": b"SR\x02\x02" + good[4:],
        "suite 0": good[:3] + b"\x00" + good[4:],
        "suite 2": good[:3] + b"\x02" + good[4:],
        "suite 255": good[:3] + b"\xff" + good[4:],
        "suite 2, shorter than ours": b"SR\x01\x02",
        "a known-answer blob's aad": known_answer_aad(KEY_ID, 1),
    }
    for name, data in unknown.items():
        yield {"name": name, "header": data, "refused": "FORMAT_UNKNOWN"}

    other = header_fixed
    forged = {
        "another KEK": (made("kek 2", 32), good),
        "another key_id": (KEK, other(key_id=made("key id 2", 16)) + sealed),
        "another version": (KEK, other(version=2) + sealed),
        "another batch_id":
            (KEK, other(batch_id=made("batch id 2", 16)) + sealed),
        "the IV changed": (KEK, flipped(good, 42 * 8)),
        "the sealed batch key changed": (KEK, flipped(good, 54 * 8)),
        "the tag changed": (KEK, flipped(good, len(good) * 8 - 1)),
        "a 12-byte IV's seal relabelled as one of 16":
            (KEK, other(sealed_len=64) + sealed + bytes(4)),
        "a 16-byte IV's seal relabelled as one of 12":
            (KEK, other(sealed_len=60) + wide[42:-4]),
    }
    for name, (kek, data) in forged.items():
        yield {"name": name, "kek": kek, "header": data,
               "refused": "NOT_AUTHENTIC"}


def leaf_vector(name, secret, **inputs):
    given = dict(purpose=DEK, context=b"", salt=SALT, index=0,
                 batch_key=BATCH_KEY, key_id=KEY_ID, batch_id=BATCH_ID)
    given.update(inputs)
    leaf = make_leaf(secret, **given)
    return {"name": name, "batch_key": given["batch_key"],
            "key_id": given["key_id"], "batch_id": given["batch_id"],
            "purpose": given["purpose"], "salt": given["salt"],
            "index": given["index"], "context": given["context"],
            "secret": secret, "nonce": leaf[1:13],
            "aad": leaf_aad(given["key_id"], given["batch_id"],
                            given["purpose"], given["context"]),
            "leaf": leaf}


def leaf_vectors():
    context = canonical([(b"tenant", b"acme"), (b"row", b"42")])
    dek = made("dek", 32)
    yield leaf_vector("a 256-bit DEK without context", dek)
    yield leaf_vector("a 256-bit DEK with context", dek, context=context)
    yield leaf_vector("a 128-bit DEK, the smallest", made("dek", 16))
    yield leaf_vector("a 192-bit DEK", made("dek", 24))
    yield leaf_vector("a DEK of 17 bytes", made("dek", 17))
    yield leaf_vector("a 512-bit DEK, the largest", made("dek", 64))
    yield leaf_vector("index 1", dek, index=1)
    yield leaf_vector("index 256 is big endian", dek, index=256)
    yield leaf_vector("the highest index", dek, index=65535)
    yield leaf_vector("another salt", dek, salt=made("salt 2", 8))
    yield leaf_vector("another key", dek, key_id=made("key id 2", 16))
    yield leaf_vector("another batch", dek, batch_id=made("batch id 2", 16),
                      batch_key=made("batch key 2", 32))
    yield leaf_vector("the longest context", dek,
                      context=canonical([(b"kk", b"v" * 8186)]))
    yield leaf_vector("data: the same bytes as a DEK", dek, purpose=DATA)
    yield leaf_vector("data: nothing at all", b"", purpose=DATA)
    yield leaf_vector("data: nothing, with context", b"", purpose=DATA,
                      context=context)
    yield leaf_vector("data: one byte", b"x", purpose=DATA)
    yield leaf_vector("data: 15 bytes, too few for a DEK", made("data", 15),
                      purpose=DATA)
    yield leaf_vector("data: 300 bytes with context", made("data", 300),
                      purpose=DATA, context=context, index=9)
    largest = leaf_vector("data: 65536 zero bytes, the largest", bytes(65536),
                          purpose=DATA)
    largest["secret_zeros"] = len(largest.pop("secret"))
    largest["leaf_sha256"] = hashlib.sha256(largest.pop("leaf")).digest()
    yield largest

    good = make_leaf(dek)
    malformed = {
        "nothing": b"",
        "the purpose alone": good[:1],
        "cut before the end of the index": good[:12],
        "no ciphertext and no tag": good[:13],
        "cut inside the tag of nothing": good[:28],
        "purpose 0": b"\x00" + good[1:],
        "purpose 3": b"\x03" + good[1:],
        "purpose 255": b"\xff" + good[1:],
        "index 65536": good[:9] + u32(65536) + good[13:],
        "index 2^32-1": good[:9] + u32(2**32 - 1) + good[13:],
        "a DEK of no bytes": make_leaf(b""),
        "a DEK of 15 bytes": make_leaf(made("dek", 15)),
        "a DEK of 65 bytes": make_leaf(made("dek", 65)),
        "data of 15 bytes called a DEK":
            b"\x01" + make_leaf(made("data", 15), purpose=DATA)[1:],
    }
    for name, data in malformed.items():
        yield {"name": name, "leaf": data, "refused": "MALFORMED"}

    def forged(name, leaf, **inputs):
        given = dict(batch_key=BATCH_KEY, key_id=KEY_ID, batch_id=BATCH_ID,
                     purpose=DEK, context=b"")
        given.update(inputs)
        return dict(name=name, **given, leaf=leaf, refused="NOT_AUTHENTIC")

    bound = make_leaf(dek, context=context)
    data = make_leaf(dek, purpose=DATA)
    yield forged("another batch key", good, batch_key=made("batch key 2", 32))
    yield forged("another key_id", good, key_id=made("key id 2", 16))
    yield forged("another batch_id", good, batch_id=made("batch id 2", 16))
    yield forged("a context where there was none", good, context=context)
    yield forged("no context where there was one", bound)
    yield forged("a context with one value changed", bound,
                 context=canonical([(b"tenant", b"acme"), (b"row", b"43")]))
    yield forged("a context with a pair left out", bound,
                 context=canonical([(b"tenant", b"acme")]))
    yield forged("a DEK opened as data", good, purpose=DATA)
    yield forged("data opened as a DEK", data)
    yield forged("a DEK relabelled as data", b"\x02" + good[1:], purpose=DATA)
    yield forged("data relabelled as a DEK", b"\x01" + data[1:])
    yield forged("the salt changed", flipped(good, 8))
    yield forged("the index changed", flipped(good, 12 * 8))
    yield forged("the ciphertext changed", flipped(good, 13 * 8))
    yield forged("the tag changed", flipped(good, len(good) * 8 - 1))
    yield forged("cut to the size of a smaller DEK", good[:-8])
    yield forged("made longer within the limits", good + bytes(8))
    yield forged("a sibling's tag", good[:-16] + make_leaf(dek, index=1)[-16:])


def token_vector(name, secret, pairs=(), purpose=DEK, iv=IV, version=1,
                 index=0):
    context = canonical(pairs)
    header = make_header(iv=iv, version=version)
    leaf = make_leaf(secret, purpose=purpose, context=context, index=index)
    return {"name": name, "kek": KEK, "iv": iv, "batch_key": BATCH_KEY,
            "key_id": KEY_ID, "key_version": version, "batch_id": BATCH_ID,
            "purpose": purpose, "salt": SALT, "index": index, "pairs": pairs,
            "secret": secret, "header_size": len(header),
            "token": header + leaf}


def token_vectors():
    dek = made("dek", 32)
    wide_iv = made("device iv", 16)
    pairs = [(b"tenant", b"acme"), (b"row", b"42")]
    yield token_vector("a wrapped 256-bit DEK is 163 bytes", dek)
    yield token_vector("a wrapped 256-bit DEK, 16-byte IV, is 167 bytes", dek,
                       iv=wide_iv)
    yield token_vector("a wrapped DEK with context", dek, pairs)
    yield token_vector("the last leaf of a batch under version 3", dek, pairs,
                       version=3, index=65535)
    yield token_vector("a wrapped 128-bit DEK", made("dek", 16))
    yield token_vector("a wrapped 512-bit DEK", made("dek", 64))
    yield token_vector("encrypted data", b"attack at dawn", pairs, DATA)
    yield token_vector("encrypted data, 16-byte IV", b"attack at dawn", pairs,
                       DATA, wide_iv)
    yield token_vector("an encryption of nothing is 131 bytes", b"",
                       purpose=DATA)

    header, leaf = make_header(), make_leaf(dek)
    token = header + leaf
    malformed = {
        "nothing": b"",
        "a header without a leaf": header,
        "a leaf without a header": leaf,
        "leaf and header swapped": leaf + header,
        "cut inside the header": token[:101],
        "cut inside the leaf's fixed part": token[:110],
        "cut to a DEK of 15 bytes": token[:-17],
        "a DEK of 65 bytes": header + make_leaf(made("dek", 65)),
        "bytes after a DEK": token + bytes(33),
        "two tokens": token + token,
        "two headers": header + token,
        "purpose 3": header + b"\x03" + leaf[1:],
        "index 65536": header + leaf[:9] + u32(65536) + leaf[13:],
        "version 0": header_fixed(version=0) + token[42:],
        "version 2^31": header_fixed(version=2**31) + token[42:],
        "sealed_len 59": header_fixed(sealed_len=59) + token[42:],
        "sealed_len 65535": header_fixed(sealed_len=65535) + token[42:],
    }
    for name, data in malformed.items():
        yield {"name": name, "token": data, "refused": "MALFORMED"}
    yield {"name": "format 2", "token": token[:2] + b"\x02" + token[3:],
           "refused": "FORMAT_UNKNOWN"}
    yield {"name": "suite 2", "token": token[:3] + b"\x02" + token[4:],
           "refused": "FORMAT_UNKNOWN"}

    def forged(name, data, kek=KEK, purpose=DEK, given=()):
        return {"name": name, "kek": kek, "purpose": purpose, "pairs": given,
                "token": data, "refused": "NOT_AUTHENTIC"}

    sibling = make_header(batch_id=made("batch id 2", 16),
                          batch_key=made("batch key 2", 32),
                          iv=made("iv 2", 12))
    renamed = make_header(batch_id=made("batch id 2", 16))
    moved = make_header(key_id=made("key id 2", 16))
    yield forged("another KEK", token, kek=made("kek 2", 32))
    yield forged("opened for the other purpose", token, purpose=DATA)
    yield forged("a context where there was none", token, given=pairs)
    yield forged("the version raised", header_fixed(version=2) + token[42:])
    yield forged("the header of another batch", sibling + leaf)
    yield forged("the same batch key under another batch_id", renamed + leaf)
    yield forged("the same batch key under another key_id", moved + leaf)
    yield forged("cut to a smaller DEK", token[:-1])
    yield forged("one byte longer", token + b"\x00")
    yield forged("a bit of the batch key", flipped(token, 60 * 8 + 3))
    yield forged("a bit of the DEK", flipped(token, 120 * 8 + 3))


def known_answer_vectors():
    def vector(name, kek, iv, key_id, version):
        aad = known_answer_aad(key_id, version)
        return {"name": name, "kek": kek, "iv": iv, "key_id": key_id,
                "key_version": version, "aad": aad, "plaintext": bytes(16),
                "sealed": iv + seal(kek, iv, bytes(16), aad)}
    yield vector("version 1", KEK, IV, KEY_ID, 1)
    yield vector("a 16-byte IV", KEK, made("device iv", 16), KEY_ID, 1)
    yield vector("the highest version", KEK, IV, KEY_ID, 2**31 - 1)
    yield vector("another KEK and key", made("kek 2", 32), made("iv 2", 12),
                 made("key id 2", 16), 2)

    sealed = IV + seal(KEK, IV, bytes(16), known_answer_aad(KEY_ID, 1))
    for name, kek, key_id, version, blob in (
            ("opened by another KEK", made("kek 2", 32), KEY_ID, 1, sealed),
            ("opened for another key", KEK, made("key id 2", 16), 1, sealed),
            ("opened for another version", KEK, KEY_ID, 2, sealed),
            ("a changed bit", KEK, KEY_ID, 1, flipped(sealed, 100)),
            ("a header's seal", KEK, KEY_ID, 1, make_header()[42:])):
        yield {"name": name, "kek": kek, "key_id": key_id,
               "key_version": version, "sealed": blob,
               "refused": "NOT_AUTHENTIC"}


def rewrap_vectors():
    def vector(name, old_iv, new_iv, old, new, purpose, secret, pairs):
        new_kek = made("kek 2", 32)
        leaf = make_leaf(secret, purpose=purpose, context=canonical(pairs),
                         index=5)
        before = make_header(iv=old_iv, version=old)
        after = make_header(kek=new_kek, iv=new_iv, version=new)
        return {"name": name, "old_kek": KEK, "new_kek": new_kek,
                "old_version": old, "new_version": new, "new_iv": new_iv,
                "batch_key": BATCH_KEY, "purpose": purpose, "pairs": pairs,
                "secret": secret, "leaf": leaf, "token_before": before + leaf,
                "header_after": after, "token_after": after + leaf}
    dek = made("dek", 32)
    pairs = [(b"tenant", b"acme")]
    wide_iv = made("device iv", 16)
    yield vector("a DEK moves from version 1 to 2", IV, made("iv 2", 12), 1, 2,
                 DEK, dek, [])
    yield vector("data with a context moves from version 3 to 9", IV,
                 made("iv 2", 12), 3, 9, DATA, b"attack at dawn", pairs)
    yield vector("a device's 16-byte IV makes the header longer", IV, wide_iv,
                 1, 2, DEK, dek, pairs)
    yield vector("a 12-byte IV makes the header shorter", wide_iv,
                 made("iv 2", 12), 1, 2, DEK, dek, pairs)
    yield vector("a move to a lower version is the same operation", IV,
                 made("iv 2", 12), 2, 1, DEK, dek, [])


def aes_gcm_vectors():
    """McGrew and Viega, The Galois/Counter Mode of Operation, appendix B:
    the AES-256 cases. Typed in from the paper; checked here."""
    key = "feffe9928665731c6d6a8f9467308308" * 2
    plain = ("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
             "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
    aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2"
    cases = (
        ("test case 13", "00" * 32, "00" * 12, "", "", "",
         "530f8afbc74536b9a963b4f1c4cb738b"),
        ("test case 14", "00" * 32, "00" * 12, "00" * 16, "",
         "cea7403d4d606b6e074ec5d3baf39d18",
         "d0d1c8a799996bf0265b98b5d48ab919"),
        ("test case 15", key, "cafebabefacedbaddecaf888", plain + "1aafd255",
         "",
         "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
         "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
         "b094dac5d93471bdec1a502270e3cc6c"),
        ("test case 16", key, "cafebabefacedbaddecaf888", plain, aad,
         "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
         "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
         "76fc6ece0f4e1768cddf8853bb2d551b"),
        ("test case 17, an IV that is not 96 bits", key, "cafebabefacedbad",
         plain, aad,
         "c3762df1ca787d32ae47c13bf19844cbaf1ae14d0b976afac52ff7d79bba9de0"
         "feb582d33934a4f0954cc2363bc73f7862ac430e64abe499f47c9b1f",
         "3a337dbf46a792c45e454913fe2ea8f2"),
    )
    for name, key_hex, iv, plaintext, data, ciphertext, tag in cases:
        sealed = bytes.fromhex(ciphertext + tag)
        made_here = seal(bytes.fromhex(key_hex), bytes.fromhex(iv),
                         bytes.fromhex(plaintext), bytes.fromhex(data))
        assert made_here == sealed, name
        yield {"name": name, "key": key_hex, "iv": iv, "aad": data,
               "plaintext": plaintext, "sealed": sealed}


# --- the bulk envelope ------------------------------------------------------

BULK_DEK = made("bulk dek", 32)
BULK_SALT = made("bulk salt", 32)
BULK_TOKEN = b"T1:" + BULK_DEK  # any bytes: the envelope does not look inside


def bulk_key(what, start, dek=BULK_DEK, salt=BULK_SALT):
    return HKDF(hashes.SHA256(), 32, salt,
                b"strongroom envelope v1 " + what + start).derive(dek)


def bulk_slot(size, sequence=1, token=BULK_TOKEN, padding=b""):
    body = u32(sequence) + u16(len(token)) + token + padding
    body += bytes(size - 4 - len(body))
    return body + u32(zlib.crc32(body))


def bulk(plaintext, form=0, chunk_log2=12, slot_log2=9, slots=None):
    """(head, chunks): what the format document says, step by step."""
    start = b"SRENVLP1" + bytes([form, chunk_log2, slot_log2, 0])
    size = 1 << slot_log2
    fixed = start + BULK_SALT + bulk_key(b"commitment", start)
    fixed += bytes(size - len(fixed))
    if slots is None:
        slots = bulk_slot(size) + bytes(size)
    step = 1 << chunk_log2
    pieces = [plaintext[i:i + step]
              for i in range(0, len(plaintext), step)] or [b""]
    key = bulk_key(b"body", start)
    chunks = [seal(key, struct.pack(">Q", i) + bytes(3)
                   + bytes([i == len(pieces) - 1]), piece, b"")
              for i, piece in enumerate(pieces)]
    return fixed + slots, chunks


def bulk_vectors():
    def good(name, size, **options):
        plaintext = made("bulk " + name, size)
        head, chunks = bulk(plaintext, **options)
        return {"name": name, "dek": BULK_DEK, "plaintext": plaintext,
                "envelope": head + b"".join(chunks)}

    for size in (0, 1, 4095, 4096, 4097):
        yield good(f"{size} bytes in chunks of 4096", size)
    yield good("chunks of 8192, slots of 1024", 9000, chunk_log2=13,
               slot_log2=10)
    size = 512
    both = bulk_slot(size, 3) + bulk_slot(size, 2)
    yield good("both slots, the first one newer", 5, slots=both)
    yield good("both slots, the second one newer", 5,
               slots=bulk_slot(size, 2) + bulk_slot(size, 3))
    yield good("the first slot torn", 5,
               slots=bulk_slot(size)[:-1] + b"\0" + bulk_slot(size, 2))
    yield good("the highest sequence", 5,
               slots=bulk_slot(size, 2**31 - 1) + bytes(size))

    head, chunks = bulk(made("bulk refused", 5))
    whole = head + b"".join(chunks)

    def refused(name, reason, envelope):
        return {"name": name, "dek": BULK_DEK, "envelope": envelope,
                "refused": reason}

    yield refused("empty", "MALFORMED", b"")
    yield refused("the first 75 bytes", "MALFORMED", whole[:75])
    yield refused("no chunk", "MALFORMED", head)
    yield refused("a later version", "FORMAT_UNKNOWN",
                  b"SRENVLP2" + whole[8:])
    yield refused("an unknown form", "FORMAT_UNKNOWN",
                  whole[:8] + b"\2" + whole[9:])
    for at, value, what in ((9, 11, "chunk_log2 11"), (9, 25, "chunk_log2 25"),
                            (10, 8, "slot_len_log2 8"),
                            (10, 17, "slot_len_log2 17"), (11, 1, "reserved 1"),
                            (80, 1, "padding of the fixed part")):
        yield refused(what, "MALFORMED",
                      whole[:at] + bytes([value]) + whole[at + 1:])
    for name, slots in (
            ("no valid slot", bytes(2 * size)),
            ("sequence 0", bulk_slot(size, 0) + bytes(size)),
            ("sequence 2^31", bulk_slot(size, 2**31) + bytes(size)),
            ("padding of a slot",
             bulk_slot(size, padding=b"\0\1") + bytes(size)),
            ("token_len beyond the slot",
             u32(1) + u16(507) + bytes(502)
             + u32(zlib.crc32(u32(1) + u16(507) + bytes(502)))
             + bytes(size))):
        yield refused(name, "MALFORMED", whole[:size] + slots
                      + whole[3 * size:])
    head, chunks = bulk(made("bulk refused", 4096 + 5))
    whole = head + b"".join(chunks)
    yield refused("the last chunk cut to 16 bytes", "MALFORMED", whole[:-5])
    yield refused("the last byte cut off", "NOT_AUTHENTIC", whole[:-1])
    yield refused("the last chunk dropped", "NOT_AUTHENTIC",
                  head + b"".join(chunks[:-1]))
    yield refused("the first two chunks swapped", "NOT_AUTHENTIC",
                  head + chunks[1] + chunks[0])
    yield refused("a chunk repeated", "NOT_AUTHENTIC",
                  head + b"".join([chunks[0], *chunks]))
    yield refused("a byte appended", "NOT_AUTHENTIC", whole + b"\0")
    yield refused("a bit of the salt", "NOT_AUTHENTIC",
                  flipped(whole, 8 * 12))
    yield refused("a bit of the commitment", "NOT_AUTHENTIC",
                  flipped(whole, 8 * 44))
    yield refused("a bit of the last tag", "NOT_AUTHENTIC",
                  flipped(whole, 8 * len(whole) - 1))


def check_refusals(vectors):
    """What we call NOT_AUTHENTIC must really not open, by this program too."""
    for vector in vectors:
        if vector.get("refused") != "NOT_AUTHENTIC" or "leaf" not in vector:
            continue
        leaf = vector["leaf"]
        aad = leaf_aad(vector["key_id"], vector["batch_id"],
                       vector["purpose"], vector["context"])
        try:
            AESGCM(vector["batch_key"]).decrypt(leaf[1:13], leaf[13:], aad)
        except InvalidTag:
            continue
        raise AssertionError("opens after all: " + vector["name"])


FILES = {
    "context.json": context_vectors,
    "header.json": header_vectors,
    "leaf.json": leaf_vectors,
    "token.json": token_vectors,
    "known_answer.json": known_answer_vectors,
    "rewrap.json": rewrap_vectors,
    "aes_gcm.json": aes_gcm_vectors,
    "bulk.json": bulk_vectors,
}


def text_of(make):
    vectors = list(make())
    names = [vector["name"] for vector in vectors]
    assert len(names) == len(set(names)), "a name occurs twice"
    check_refusals(vectors)
    return json.dumps({"vectors": [as_json(v) for v in vectors]},
                      indent=1) + "\n"


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    stale = []
    for name, make in FILES.items():
        text, path = text_of(make), HERE / name
        if not arguments:
            path.write_text(text, encoding="ascii")
        elif not path.exists() or path.read_bytes() != text.encode("ascii"):
            stale.append(name)
    extra = {p.name for p in HERE.glob("*.json")} - set(FILES)
    if stale or extra:
        sys.exit(f"not what this program writes: {sorted(stale)}; "
                 f"not written by it: {sorted(extra)}")


if __name__ == "__main__":
    main(sys.argv[1:])
