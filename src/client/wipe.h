// Wiping what protobuf holds of a secret, on every way out.
#pragma once

#include <string>
#include <utility>

#include "strongroom/base/secret_bytes.h"

namespace strongroom::client {

// WipeGuard calls `wipe` when the scope ends.
template <typename Wipe>
class WipeGuard {
 public:
  explicit WipeGuard(Wipe wipe) : wipe_(std::move(wipe)) {}
  ~WipeGuard() { wipe_(); }
  WipeGuard(const WipeGuard&) = delete;
  WipeGuard& operator=(const WipeGuard&) = delete;

 private:
  Wipe wipe_;
};

// TakeSecret moves a secret field into locked memory and wipes the field.
inline SecretBytes TakeSecret(std::string* field) {
  SecretBytes secret = SecretBytes::CopyOf(AsBytes(*field));
  WipeString(field);
  return secret;
}

}  // namespace strongroom::client
