"""Signed documents by another hand: openssl, and the specification of DSSE."""
import base64
import json

import e2e


def encoded(kind, payload):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload),
                                    payload)


class Signer:
    """A P-256 key in a file."""

    def __init__(self, directory):
        self.dir = directory
        self.key = directory / "own.key"
        self.public_key = directory / "own.pem"
        e2e.run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-out", self.key)
        e2e.run("openssl", "pkey", "-in", self.key, "-pubout", "-out",
                self.public_key)

    def sign(self, kind, payload):
        message, signature = self.dir / "message", self.dir / "signature"
        message.write_bytes(encoded(kind, payload))
        e2e.run("openssl", "dgst", "-sha256", "-sign", self.key, "-out",
                signature, message)
        return json.dumps({
            "payload": base64.b64encode(payload).decode(),
            "payloadType": kind,
            "signatures": [{"sig": base64.b64encode(
                signature.read_bytes()).decode()}]}).encode()


def verify(directory, envelope, public_key):
    """The payload of an envelope that openssl finds good."""
    envelope = json.loads(envelope)
    payload = base64.b64decode(envelope["payload"], validate=True)
    message, signature = directory / "message", directory / "signature"
    message.write_bytes(encoded(envelope["payloadType"], payload))
    signature.write_bytes(base64.b64decode(envelope["signatures"][0]["sig"],
                                           validate=True))
    e2e.run("openssl", "dgst", "-sha256", "-verify", public_key, "-signature",
            signature, message)
    return json.loads(payload)
