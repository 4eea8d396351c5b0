// TokenLink: a logged-in session for each piece of work on the token, and the
// recovery around it.
//
// hsm/README.md has the table; docs/operations.md what an operator sees of it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hsm/pkcs11/anchor.h"
#include "hsm/pkcs11/device_state.h"
#include "hsm/pkcs11/kek_table.h"
#include "hsm/pkcs11/module.h"
#include "hsm/pkcs11/session.h"
#include "hsm/pkcs11/step.h"
#include "strongroom/base/clock.h"
#include "strongroom/hsm/profile.h"
#include "strongroom/hsm/seal_answer.h"

namespace strongroom::hsm {

// WorkerSession is one worker's place for a session. Its thread alone uses it.
struct WorkerSession {
  std::optional<Session> session;
  bool read_write = false;
  bool had_session = false;  // the next one replaces a lost one
  bool shrink = false;       // the token is short of sessions: retire me
  uint64_t losses_seen = 0;  // of all workers, when it was last known to live
};

// CheckLoggedIn asks the token: CKR_USER_NOT_LOGGED_IN if the session is not.
Step CheckLoggedIn(const Session& session);

// FindLoggedIn gives the AES keys with this CKA_ID, and sees that the session
// is logged in first: else a KEK that is there would look as if it were not.
Step FindLoggedIn(const Session& session, const Uuid& kek,
                  std::vector<CK_OBJECT_HANDLE>* handles);

// TokenLink is thread-safe; every member but the const ones blocks in the token
// and belongs on a worker. Of what it was made with it keeps the clock and the
// table: a call that hangs in the module may come back when the rest is gone.
class TokenLink {
 public:
  struct Options {
    Token token;
    Profile profile;
    SecretBytes pin;
    std::string pin_file;  // for messages
    const Clock* clock;
  };
  // `keks` is told when handles mean nothing any more.
  TokenLink(std::unique_ptr<Module> module, KekTable& keks, Options options);

  // Start checks the token's mechanisms, logs in, enumerates and runs the
  // self-test.
  Status Start();
  // OpenFirst gives a worker its first session; HSM_BUSY if the token has no
  // more of them.
  Status OpenFirst(WorkerSession& worker);
  void Discard(WorkerSession& worker);

  // Run does the body on the worker's session: after a loss, the body once
  // more. `kek` is the KEK the body works with, or null. A seal is not
  // repeated: *lost says what was lost in the middle of it.
  using Body = std::function<Step(const Session&)>;
  enum class Access { kUse, kChange };
  Status Run(WorkerSession& worker, const Uuid* kek, const Body& body,
             Access access = Access::kUse,
             std::optional<SealLoss>* lost = nullptr);

  // Stop logs out and finalises; no worker may be left.
  void Stop() {
    anchor_.LogOut();
    module_->Finalize();
  }

  const Module& module() const { return *module_; }
  const Profile& profile() const { return profile_; }
  const Token& token() const { return token_; }
  const DeviceState& state() const { return state_; }
  const Anchor& anchor() const { return anchor_; }
  uint64_t sessions_replaced() const { return replaced_count_.load(); }
  // sessions_open counts the workers' sessions and the anchor.
  int sessions_open() const {
    return worker_sessions_.load() + (anchor_.is_open() ? 1 : 0);
  }

 private:
  Step EnsureSession(WorkerSession& worker, Access access);
  Step LogIn(uint64_t seen_epoch);
  // Lose is Discard for a session that the answer may say is gone already.
  void Lose(WorkerSession& worker, CK_RV why);

  // Answers, by cause.
  Status AfterSeal(WorkerSession& worker, const Uuid& kek, const Step& step,
                   uint64_t epoch, std::optional<SealLoss>* lost);
  Status AfterGeneralError(WorkerSession& worker, const Uuid& kek,
                           const Step& step);
  Status Fail(WorkerSession& worker, const Uuid* kek, const Step& step);

  const std::unique_ptr<Module> module_;
  KekTable& keks_;
  const Token token_;
  const Profile profile_;
  std::atomic<uint64_t> replaced_count_{0};
  std::atomic<int> worker_sessions_{0};
  std::atomic<uint64_t> losses_{0};  // sessions that the token let go
  DeviceState state_;
  Anchor anchor_;
};

}  // namespace strongroom::hsm
