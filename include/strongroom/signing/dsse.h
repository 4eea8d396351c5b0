// Signed documents: DSSE envelopes (https://github.com/secure-systems-lab/dsse,
// protocol v1.0.0), with ECDSA P-256 over SHA-256 and the signature as DER, so
// that OpenSSL and every other DSSE tool verify them.
//
//   {"payload": base64, "payloadType": type,
//    "signatures": [{"keyid": hex, "sig": base64}]}
//
// The signature covers the pre-authentication encoding of type and payload: it
// is over bytes, and needs no canonical form of JSON. keyid is the SHA-256 of
// the public key (SubjectPublicKeyInfo, DER): a hint, never a proof.
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::signing {

// KeyIdOf gives the keyid of a public key.
std::string KeyIdOf(ByteView spki);

// DigestOf gives the 32 bytes to sign: SHA-256 of the pre-authentication
// encoding.
Bytes DigestOf(std::string_view payload_type, ByteView payload);

// MakeEnvelope joins a document and its signature (r and s, 32 bytes each). It
// verifies first: HSM_UNEXPECTED if the signature is not this key's. The
// payload type must be UTF-8.
StatusOr<std::string> MakeEnvelope(std::string_view payload_type,
                                   ByteView payload, ByteView spki,
                                   ByteView signature);

// OpenEnvelope gives the payload if one of at most 16 signatures is this key's.
// MALFORMED if `envelope` is not an envelope; ARGUMENT_INVALID if its type is
// not `payload_type`; NOT_AUTHENTIC, with the keyids in it, if no signature is
// this key's.
StatusOr<Bytes> OpenEnvelope(std::string_view envelope,
                             std::string_view payload_type, ByteView spki);

// PublicKeyToPem gives the public key as PEM ("BEGIN PUBLIC KEY", RFC 7468).
// ParsePublicKeyPem reads it: MALFORMED unless it is one P-256 public key.
std::string PublicKeyToPem(ByteView spki);
StatusOr<Bytes> ParsePublicKeyPem(std::string_view pem);

}  // namespace strongroom::signing
