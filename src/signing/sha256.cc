#include "strongroom/signing/sha256.h"

#include <openssl/evp.h>

#include <cstdlib>

namespace strongroom::signing {

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) {}
  ~State() { EVP_MD_CTX_free(context); }
  EVP_MD_CTX* context;
};

// Fetched once: to look it up costs more than a short digest.
static const EVP_MD* Algorithm() {
  static const EVP_MD* const kFetched =
      EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return kFetched;
}

// Without memory for a digest nothing can be vouched for any more.
Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (EVP_DigestInit_ex(state_->context, Algorithm(), nullptr) != 1) abort();
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::Add(ByteView bytes) {
  if (EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) != 1) {
    abort();
  }
  return *this;
}

Bytes Sha256::Finish() {
  Bytes digest(EVP_MD_get_size(Algorithm()));
  if (EVP_DigestFinal_ex(state_->context, digest.data(), nullptr) != 1) abort();
  return digest;
}

}  // namespace strongroom::signing
