// RawToken: what any other program with the PIN could do on the token, through
// PKCS#11 and around Strongroom.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "strongroom/base/bytes.h"
#include "strongroom/hsm_pkcs11/pkcs11_device.h"

namespace strongroom::testing {

// RawKey is what the token says of one secret key.
struct RawKey {
  size_t objects_with_id = 0;
  bool token = false;
  bool is_private = false;
  bool sensitive = false;
  bool extractable = true;
  bool never_extractable = false;
  bool modifiable = true;
  bool may_encrypt = false;
  bool may_decrypt = false;
  // wrap, unwrap, sign, verify or derive
  bool may_do_more = true;
  bool value_refused = false;  // CKA_VALUE gave CKR_ATTRIBUTE_SENSITIVE
  bool making_extractable_refused = false;
};

// RawToken shares the module, and its login, with an open device of this
// process; destroy it before the device. Its calls end the test program if the
// token fails them. Thread rule: one thread, and none at work on the device.
class RawToken {
 public:
  explicit RawToken(const hsm::Pkcs11Options& options);
  ~RawToken();
  RawToken(const RawToken&) = delete;
  RawToken& operator=(const RawToken&) = delete;

  RawKey ReadKey(ByteView id);
  // AddKey makes an extractable AES key, as another program might.
  void AddKey(ByteView id, std::string_view label);
  // Destroy removes every object with this id.
  void Destroy(ByteView id);
  // DestroyHalf removes one half of the EC pairs with this id.
  enum class Half { kPrivate, kPublic };
  void DestroyHalf(ByteView id, Half half);
  // All objects that the session can see.
  size_t CountObjects();
  // Those that carry neither CKA_ID nor CKA_LABEL.
  size_t CountNameless();

 private:
  class Session;
  std::unique_ptr<Session> session_;
};

}  // namespace strongroom::testing
