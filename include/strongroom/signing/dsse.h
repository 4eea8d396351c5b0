// Signed documents: DSSE envelopes (https://github.com/secure-systems-lab/dsse,
// protocol v1.0.0), with ECDSA P-256 over SHA-256 and the signature as DER, so
// that OpenSSL and every other DSSE tool verify them.
//
//   {"payload": base64, "payloadType": type,
//    "signatures": [{"keyid": hex, "sig": base64}]}
//
// What is signed is the pre-authentication encoding of type and payload, bytes
// as they are: no canonical form of JSON is needed. keyid is the SHA-256 of the
// public key (SubjectPublicKeyInfo, DER): a hint, never a proof.
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

// MakeEnvelope joins a document and its signature, r and s of 32 bytes each.
// HSM_UNEXPECTED if the signature is not the key's: none such is handed out.
// The payload type must be UTF-8.
StatusOr<std::string> MakeEnvelope(std::string_view payload_type,
                                   ByteView payload, ByteView spki,
                                   ByteView signature);

// OpenEnvelope gives the payload if one of at most 16 signatures is the key's
// and the type is as wanted. MALFORMED if it is no envelope; ARGUMENT_INVALID
// for another type; NOT_AUTHENTIC, saying which keys are named in it,
// otherwise.
StatusOr<Bytes> OpenEnvelope(std::string_view envelope,
                             std::string_view payload_type, ByteView spki);

// The public key as PEM ("BEGIN PUBLIC KEY", RFC 7468), and back. Parse is
// MALFORMED for everything but one P-256 public key.
std::string PublicKeyToPem(ByteView spki);
StatusOr<Bytes> ParsePublicKeyPem(std::string_view pem);

}  // namespace strongroom::signing
