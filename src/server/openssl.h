// OpenSSL's handles as owners, and its error queue as text.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

#include "strongroom/base/clock.h"

namespace strongroom::server {

template <auto Free>
struct OpensslDelete {
  template <typename T>
  void operator()(T* handle) const {
    Free(handle);
  }
};
inline void FreeBio(BIO* bio) { BIO_free_all(bio); }
using BioPtr = std::unique_ptr<BIO, OpensslDelete<FreeBio>>;
using X509Ptr = std::unique_ptr<X509, OpensslDelete<X509_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslDelete<EVP_PKEY_free>>;

inline BioPtr ReadBio(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// TakeOpensslError empties the queue and gives its newest entry.
inline std::string TakeOpensslError() {
  unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "no cause given";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

}  // namespace strongroom::server
