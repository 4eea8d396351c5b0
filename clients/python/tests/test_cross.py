"""What one implementation of the envelope seals, the other one opens."""
import io
import json
import pathlib
import random
import subprocess

import pytest

from conftest import BUILD
from strongroom import Malformed, NotAuthentic, envelope

DEK = b"0123456789abcdef0123456789abcdef"
TOKEN = b"T1:" + DEK
CASES = 1000


def open_token(token):
    if not token.startswith(b"T1:"):
        raise NotAuthentic("NOT_AUTHENTIC", "no")
    return token[3:]


@pytest.fixture(scope="module")
def probe():
    process = subprocess.Popen([BUILD / "bin" / "envelope_probe"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)

    def ask(**request):
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.stdin.close()
    assert process.wait(30) == 0


def sizes(rng, chunk):
    full = 1 << chunk
    return rng.choice([0, 1, full - 1, full, full + 1, rng.randint(0, 5000),
                       rng.randint(0, 3 * full)])


def test_the_vectors_hold_for_the_opener_of_the_client_library(probe):
    path = pathlib.Path(__file__).resolve().parents[3]
    path = path / "tests" / "vectors" / "bulk.json"
    for vector in json.loads(path.read_text())["vectors"]:
        wanted = ({"reason": vector["refused"]} if "refused" in vector else
                  {"plain": vector["plaintext"]})
        assert probe(op="open", body=vector["envelope"]) == wanted, vector[
            "name"]


def test_each_opens_what_the_other_sealed(probe):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    for case in range(CASES):
        chunk = rng.choice([12, 12, 13, 14, 15, 16])
        plain = rng.randbytes(sizes(rng, chunk))
        detached = rng.random() < 0.3
        # C++ to Python.
        made = probe(op="seal", plain=plain.hex(), chunk_log2=chunk,
                     detached=detached)
        body, side = bytes.fromhex(made["body"]), bytes.fromhex(made["side"])
        opened = b"".join(envelope.open_stream(
            io.BytesIO(body), open_token,
            side=io.BytesIO(side) if detached else None))
        assert opened == plain, (seed, case)
        # Python to C++, and back with a byte changed or cut off.
        out, head = io.BytesIO(), io.BytesIO()
        envelope.seal_stream(io.BytesIO(plain), out, DEK, TOKEN,
                             chunk_log2=chunk, slot_log2=rng.randint(9, 14),
                             side=head if detached else None)
        body, side = out.getvalue(), head.getvalue()
        assert probe(op="open", body=body.hex(), side=side.hex()) == {
            "plain": plain.hex()}, (seed, case)
        changed = bytearray(body)
        if rng.random() < 0.5:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        else:
            del changed[rng.randrange(len(changed)):]
        found = probe(op="open", body=changed.hex(), side=side.hex())
        try:
            here = {"plain": b"".join(envelope.open_stream(
                io.BytesIO(bytes(changed)), open_token,
                side=io.BytesIO(side) if detached else None)).hex()}
        except (Malformed, NotAuthentic) as error:
            here = {"reason": error.reason}
        # Both refuse, or neither (the slot never written); which of the two
        # reasons it is may differ where a cut looks like a change.
        assert ("plain" in found) == ("plain" in here), (seed, case)
        assert found.get("plain") == here.get("plain"), (seed, case)
