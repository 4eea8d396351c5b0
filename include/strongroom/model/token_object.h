// What lies on the token, and the key that signs.
#pragma once

#include <string>

#include "strongroom/base/bytes.h"

namespace strongroom::model {

// TokenObject is one object on the token, ours or not. The texts of foreign
// objects are any bytes.
struct TokenObject {
  Bytes id{};  // CKA_ID
  std::string label{};
  std::string object_class{};
  std::string key_type{};
  // "kek <key> v<n>", "foreign", "unknown installation", ...
  std::string owner{};
  bool sensitive = false;
  bool never_extractable = false;
  friend bool operator==(const TokenObject&, const TokenObject&) = default;
};

// SigningKey is the public half of the pair that signs reports and backups.
struct SigningKey {
  std::string key_id{};      // SHA-256 of the DER, in hex
  std::string public_key{};  // SubjectPublicKeyInfo in PEM
  friend bool operator==(const SigningKey&, const SigningKey&) = default;
};

}  // namespace strongroom::model
