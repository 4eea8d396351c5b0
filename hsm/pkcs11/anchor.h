// Anchor: the idle session that keeps the token logged in, and the login.
#pragma once

#include <atomic>
#include <string>

#include "hsm/pkcs11/module.h"
#include "hsm/pkcs11/session.h"
#include "hsm/pkcs11/step.h"
#include "strongroom/base/mutex.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/hsm/profile.h"

namespace strongroom::hsm {

// A token logs out when its last session closes, so one is never used for
// work. Anchor is thread-safe: logins take turns, and who waited finds it done.
class Anchor {
 public:
  Anchor(Module& module, const Token& token, const Profile& profile,
         SecretBytes pin, std::string pin_file);

  // LogIn opens the anchor if it is closed or dead, and logs in, unless another
  // thread did so after `seen_epoch` was read. *fresh says that the token had
  // logged out, so that old handles mean nothing. A refused PIN is final for
  // the life of this object: another try could lock the token.
  Step LogIn(uint64_t seen_epoch, bool* fresh) SR_EXCLUDES(mutex_);
  // epoch grows with every login; read it before the work that may need one.
  uint64_t epoch() const { return epoch_.load(); }
  uint64_t logins() const { return login_count_.load(); }

  // refusal is OK, or HSM_LOGIN_REFUSED once the token refused the PIN.
  Status refusal() const SR_EXCLUDES(mutex_);
  // Refuse makes that so, and gives it: what was found and what to do.
  Status Refuse(const std::string& found, const std::string& to_do)
      SR_EXCLUDES(mutex_);
  Status Refuse(CK_RV answer) SR_EXCLUDES(mutex_);
  bool is_open() const { return open_.load(); }

  // LogOut logs out and closes; only when no other thread is left.
  void LogOut();

 private:
  Status Refusal() const SR_REQUIRES(mutex_);
  Step LogInNow(bool* fresh);
  bool IsLoggedIn() const;
  Step OpenIfDead();

  Module& module_;
  const Token token_;
  const Profile& profile_;
  const SecretBytes pin_;
  const std::string pin_file_;  // for messages
  std::atomic<uint64_t> epoch_{0};
  std::atomic<uint64_t> login_count_{0};
  std::atomic<bool> open_{false};
  std::atomic<bool> refused_{false};

  mutable Mutex mutex_;
  CondVar turn_free_;
  bool turn_taken_ SR_GUARDED_BY(mutex_) = false;
  std::string refusal_ SR_GUARDED_BY(mutex_);  // empty: none
  // Used by whoever has the turn, without the lock: the token may be slow.
  Session session_;
};

}  // namespace strongroom::hsm
