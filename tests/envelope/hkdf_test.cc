// HKDF against the cases of RFC 5869, appendix A.
#include "strongroom/envelope/hkdf.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tests/envelope/vector_file.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::envelope {
namespace {

using testing::ForEachVector;
using testing::HasReason;
using testing::IsOk;
using testing::Vector;

// Extract is RFC 5869's first step, HMAC with the salt as its key.
Bytes Extract(const Bytes& salt, const Bytes& key) {
  const Bytes absent(32);  // what stands for a salt that is not given
  const Bytes& hmac_key = salt.empty() ? absent : salt;
  Bytes prk(32);
  unsigned int size = 0;
  HMAC(EVP_sha256(), hmac_key.data(), static_cast<int>(hmac_key.size()),
       key.data(), key.size(), prk.data(), &size);
  return prk;
}

TEST(Hkdf, GivesTheOutputsOfRfc5869) {
  ForEachVector("published/rfc5869_hkdf.json", [](Vector& v) {
    const Bytes key = v.Hex("ikm");
    const Bytes salt = v.Hex("salt");
    EXPECT_EQ(Extract(salt, key), v.Hex("prk"));
    const Bytes wanted = v.Hex("okm");
    Bytes out(wanted.size());
    ASSERT_THAT(HkdfSha256(key, salt, v.Hex("info"), out), IsOk());
    EXPECT_EQ(out, wanted);
  });
}

TEST(Hkdf, RefusesMoreThanItsBound) {
  Bytes out(255 * 32 + 1);
  EXPECT_THAT(HkdfSha256(Bytes(32), {}, {}, out), HasReason(Reason::kInternal));
  out.pop_back();
  EXPECT_THAT(HkdfSha256(Bytes(32), {}, {}, out), IsOk());
}

}  // namespace
}  // namespace strongroom::envelope
