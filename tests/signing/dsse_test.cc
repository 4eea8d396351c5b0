#include "strongroom/signing/dsse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/testing/fake_device.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::signing {
namespace {

using ::testing::HasSubstr;

constexpr char kType[] = "application/vnd.test+json";
const Bytes kPayload = ToBytes(AsBytes("{\"digest\":\"00ff\"}"));

class Dsse : public ::testing::Test {
 protected:
  Dsse() : spki_(device_.MakeSigningKey(id_, "test").value()) {}

  std::string Envelope() {
    const Bytes signature =
        device_.Sign(id_, DigestOf(kType, kPayload)).value();
    return MakeEnvelope(kType, kPayload, spki_, signature).value();
  }

  testing::FakeDevice device_;
  const Uuid id_ = Uuid::Random();
  const Bytes spki_;
};

std::string Replaced(std::string text, std::string_view from,
                     std::string_view to) {
  return text.replace(text.find(from), from.size(), to);
}

// From the protocol's own description: PAE(type, body) of this pair, by
// printf 'DSSEv1 29 http://example.com/HelloWorld 11 hello world' | sha256sum
TEST_F(Dsse, TheDigestIsThatOfTheProtocolsExample) {
  EXPECT_EQ(
      ToHex(DigestOf("http://example.com/HelloWorld", AsBytes("hello world"))),
      "217751fac2c4f14edb2c9297fbc34abcb016ba88e74757e875ec4ac16fb6b6a1");
}

TEST_F(Dsse, AnEnvelopeOpensToItsPayload) {
  EXPECT_EQ(OpenEnvelope(Envelope(), kType, spki_).value(), kPayload);
}

TEST_F(Dsse, AnEnvelopeWithMoreSignaturesOpensIfOneIsTheKeys) {
  const std::string two =
      Replaced(Envelope(), "\"signatures\": [",
               "\"signatures\": [{\"keyid\": \"x\", \"sig\": \"AAAA\"},");
  EXPECT_EQ(OpenEnvelope(two, kType, spki_).value(), kPayload);
}

TEST_F(Dsse, NoChangedBitOfThePayloadIsAccepted) {
  for (size_t bit = 0; bit < 8 * kPayload.size(); ++bit) {
    Bytes changed = kPayload;
    changed[bit / 8] ^= 1 << (bit % 8);
    const std::string forged =
        Replaced(Envelope(), ToBase64(kPayload), ToBase64(changed));
    EXPECT_THAT(OpenEnvelope(forged, kType, spki_),
                testing::HasReason(Reason::kNotAuthentic))
        << bit;
  }
}

TEST_F(Dsse, NoChangedBitOfTheSignatureIsSealedIntoAnEnvelope) {
  const Bytes signature = device_.Sign(id_, DigestOf(kType, kPayload)).value();
  for (size_t bit = 0; bit < 8 * signature.size(); ++bit) {
    Bytes changed = signature;
    changed[bit / 8] ^= 1 << (bit % 8);
    EXPECT_THAT(MakeEnvelope(kType, kPayload, spki_, changed),
                testing::HasReason(Reason::kHsmUnexpected))
        << bit;
  }
}

TEST_F(Dsse, ASignatureOfAnotherSizeIsRefused) {
  const Bytes signature = device_.Sign(id_, DigestOf(kType, kPayload)).value();
  for (size_t size = 0; size < signature.size(); ++size) {
    EXPECT_THAT(
        MakeEnvelope(kType, kPayload, spki_, ByteView(signature).first(size)),
        testing::HasReason(Reason::kHsmUnexpected));
  }
}

TEST_F(Dsse, AnotherKeyOpensNothing) {
  const Bytes other = device_.MakeSigningKey(Uuid::Random(), "other").value();
  EXPECT_THAT(
      OpenEnvelope(Envelope(), kType, other),
      testing::HasReason(Reason::kNotAuthentic, HasSubstr(KeyIdOf(spki_))));
}

TEST_F(Dsse, TheKeyIdIsAHintThatProvesNothing) {
  const std::string renamed =
      Replaced(Envelope(), KeyIdOf(spki_), "someone else");
  EXPECT_OK(OpenEnvelope(renamed, kType, spki_).status());
}

TEST_F(Dsse, ADocumentOfAnotherTypeIsRefused) {
  EXPECT_THAT(OpenEnvelope(Envelope(), "application/other", spki_),
              testing::HasReason(Reason::kArgumentInvalid));
  // Nor does it pass for that type when the envelope is made to say so.
  EXPECT_THAT(OpenEnvelope(Replaced(Envelope(), kType, "application/other"),
                           "application/other", spki_),
              testing::HasReason(Reason::kNotAuthentic));
}

TEST_F(Dsse, NoEnvelopeCutShortIsAccepted) {
  const std::string whole = Envelope();
  // The last byte is the line feed.
  for (size_t size = 0; size + 1 < whole.size(); ++size) {
    EXPECT_THAT(OpenEnvelope(whole.substr(0, size), kType, spki_),
                testing::HasReason(Reason::kMalformed))
        << size;
  }
}

TEST_F(Dsse, WhatIsNoEnvelopeIsRefused) {
  std::string many = "{\"payload\":\"\",\"payloadType\":\"t\",\"signatures\":[";
  for (int i = 0; i < 17; ++i) many += i == 0 ? "{}" : ",{}";
  const std::string texts[] = {
      "",
      "[]",
      "null",
      "{}",
      "\xff",
      std::string(100000, '['),
      many + "]}",
      R"({"payload":"","payloadType":"t","signatures":[]})",
      R"({"payload":"","payloadType":"t","signatures":{}})",
      R"({"payload":"","payloadType":"t","signatures":["x"]})",
      R"({"payload":"","payloadType":"t","signatures":[{"sig":"*"}]})",
      R"({"payload":"*","payloadType":"t","signatures":[{"sig":""}]})",
      R"({"payload":1,"payloadType":"t","signatures":[{"sig":""}]})"};
  for (const std::string& text : texts) {
    EXPECT_THAT(OpenEnvelope(text, "t", spki_),
                testing::HasReason(Reason::kMalformed))
        << text.substr(0, 80);
  }
}

TEST_F(Dsse, APublicKeySurvivesPem) {
  EXPECT_EQ(ParsePublicKeyPem(PublicKeyToPem(spki_)).value(), spki_);
}

TEST_F(Dsse, PemThatIsNoP256PublicKeyIsRefused) {
  const std::string pem = PublicKeyToPem(spki_);
  // A well-formed key of another kind, Ed25519 (RFC 8410, 10.1).
  const std::string ed25519 =
      "-----BEGIN PUBLIC KEY-----\n"
      "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
      "-----END PUBLIC KEY-----\n";
  for (const std::string& text :
       {std::string(), pem.substr(10), pem.substr(0, 100), ed25519}) {
    EXPECT_THAT(ParsePublicKeyPem(text), testing::HasReason(Reason::kMalformed))
        << text;
  }
}

TEST_F(Dsse, AKeyOfAnotherKindIsNoKeyToVerifyWith) {
  Bytes longer = spki_;
  longer.push_back(0);
  Bytes off_curve = spki_;
  off_curve.back() ^= 1;
  for (const Bytes& spki : {Bytes(), longer, off_curve}) {
    EXPECT_THAT(OpenEnvelope(Envelope(), kType, spki),
                testing::HasReason(Reason::kArgumentInvalid));
  }
}

}  // namespace
}  // namespace strongroom::signing
