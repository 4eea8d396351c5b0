#include "hsm/pkcs11/anchor.h"

#include <utility>

#include "hsm/pkcs11/return_values.h"
#include "strongroom/base/log.h"

namespace strongroom::hsm {

Anchor::Anchor(Module& module, const Token& token, const Profile& profile,
               SecretBytes pin, std::string pin_file)
    : module_(module),
      token_(token),
      profile_(profile),
      pin_(std::move(pin)),
      pin_file_(std::move(pin_file)) {}

Status Anchor::refusal() const {
  if (!refused_.load()) return OkStatus();
  MutexLock lock(mutex_);
  return Refusal();
}

Status Anchor::Refusal() const {
  return Error(Reason::kHsmLoginRefused, refusal_);
}

Status Anchor::Refuse(CK_RV answer) {
  const std::string found = "answered " + ReturnValueName(answer) +
                            " to the PIN in " + pin_file_ +
                            ", which was tried once and is not tried again";
  switch (answer) {
    case CKR_PIN_LOCKED:
      return Refuse(found,
                    "the token's security officer must unlock the user PIN; "
                    "put it in the file, then restart");
    case CKR_PIN_EXPIRED:
    case CKR_USER_PIN_NOT_INITIALIZED:
      return Refuse(found,
                    "set a user PIN with the token's own tools, put it in the "
                    "file, then restart");
    default:
      return Refuse(found,
                    "put the right user PIN in the file, then restart; each "
                    "new PIN is one try, and many tokens lock at the third");
  }
}

Status Anchor::Refuse(const std::string& found, const std::string& to_do) {
  log::Error("token refused the login",
             {{"token", token_.label}, {"found", found}});
  MutexLock lock(mutex_);
  refusal_ = "token \"" + token_.label + "\" " + found + ": " + to_do;
  refused_ = true;
  return Refusal();
}

Step Anchor::LogIn(uint64_t seen_epoch, bool* fresh) {
  *fresh = false;
  {
    MutexLock lock(mutex_);
    while (turn_taken_) turn_free_.Wait(mutex_);
    if (refused_.load()) return Step::Final(Refusal());
    turn_taken_ = true;
  }
  Step step = Step::Ok();
  // Somebody logged in while this thread waited; but that may be lost again.
  if (epoch_.load() == seen_epoch || !IsLoggedIn()) step = LogInNow(fresh);
  MutexLock lock(mutex_);
  turn_taken_ = false;
  turn_free_.SignalAll();
  return step;
}

Step Anchor::LogInNow(bool* fresh) {
  SR_RETURN_IF_FAILED(OpenIfDead());
  // Cryptoki wants a mutable PIN though it does not write to it.
  CK_RV rv = module_.functions().C_Login(session_.handle(), CKU_USER,
                                         Mutable(pin_.Expose()), pin_.size());
  switch (Classify(Operation::kLogin, rv, profile_)) {
    case Cause::kOk:
      break;
    case Cause::kLoginRefused:
      return Step::Final(Refuse(rv));
    default:
      return Step::Of(Operation::kLogin, rv);
  }
  *fresh = rv == CKR_OK;
  if (*fresh) login_count_.fetch_add(1);
  epoch_.fetch_add(1);
  return Step::Ok();
}

bool Anchor::IsLoggedIn() const {
  bool logged_in = false;
  return session_.is_open() && session_.IsLoggedIn(&logged_in) == CKR_OK &&
         logged_in;
}

Step Anchor::OpenIfDead() {
  if (session_.is_open()) {
    bool logged_in = false;
    CK_RV rv = session_.IsLoggedIn(&logged_in);
    if (rv == CKR_OK) return Step::Ok();
    if (IsSessionGone(rv)) session_.Drop();
    session_.Close();
    open_ = false;
  }
  CK_RV rv =
      module_.OpenSession(token_.slot, profile_.read_write_sessions, &session_);
  open_ = rv == CKR_OK;
  return Step::Of(Operation::kOpenSession, rv);
}

void Anchor::LogOut() {
  if (!session_.is_open()) return;
  module_.functions().C_Logout(session_.handle());
  session_.Close();
  open_ = false;
}

}  // namespace strongroom::hsm
