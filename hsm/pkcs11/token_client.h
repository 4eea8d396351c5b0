// TokenClient: the work on one token, with the recovery table around it.
//
// hsm/README.md has the table; docs/operations.md what an operator sees of it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hsm/pkcs11/anchor.h"
#include "hsm/pkcs11/device_state.h"
#include "hsm/pkcs11/kek_table.h"
#include "hsm/pkcs11/module.h"
#include "hsm/pkcs11/session.h"
#include "hsm/pkcs11/step.h"
#include "strongroom/base/clock.h"
#include "strongroom/hsm/device.h"
#include "strongroom/hsm/profile.h"

namespace strongroom::hsm {

// WorkerSession is one worker's place for a session. Its thread alone uses it.
struct WorkerSession {
  std::optional<Session> session;
  bool read_write = false;
  bool had_session = false;  // the next one replaces a lost one
  bool shrink = false;       // the token is short of sessions: retire me
  uint64_t losses_seen = 0;  // of all workers, when it was last known to live
};

// KekNotOnToken is the KEK_NOT_ON_TOKEN error, saying what was found.
Status KekNotOnToken(const Uuid& kek, std::string_view found);

// TokenClient is thread-safe; every member but the const ones blocks in the
// token and belongs on a worker. Of what it was made with it keeps the clock
// alone: a call that hangs in the module may come back when the rest is gone.
class TokenClient {
 public:
  struct Options {
    Token token;
    Profile profile;
    SecretBytes pin;
    std::string pin_file;  // for messages
    const Clock* clock;
  };
  TokenClient(std::unique_ptr<Module> module, Options options);

  // Start logs in, enumerates and runs the self-test.
  Status Start();
  // OpenFirst gives a worker its first session; HSM_BUSY if the token has no
  // more of them.
  Status OpenFirst(WorkerSession& worker);
  void Discard(WorkerSession& worker);
  // Lose is Discard for a session that the answer may say is gone already.
  void Lose(WorkerSession& worker, CK_RV why);

  // Seal makes at most one seal under the KEK: see Device::Seal.
  SealAnswer Seal(WorkerSession& worker, const Uuid& kek, ByteView aad,
                  ByteView secret);
  Status Open(WorkerSession& worker, const Uuid& kek, ByteView aad,
              ByteView sealed, SecretBytes* secret);
  Status CreateKek(WorkerSession& worker, const Uuid& id,
                   std::string_view label);
  Status Prove(WorkerSession& worker, const Uuid& id);
  Status DestroyKek(WorkerSession& worker, const Uuid& id);
  // See Device; signing.cc has them.
  Status MakeSigningKey(WorkerSession& worker, const Uuid& id,
                        std::string_view label, Bytes* spki);
  Status DestroySigningKey(WorkerSession& worker, const Uuid& id,
                           std::string_view label);
  Status SigningPublicKey(WorkerSession& worker, const Uuid& id, Bytes* spki);
  Status Sign(WorkerSession& worker, const Uuid& id, ByteView digest,
              Bytes* signature);
  Status List(WorkerSession& worker, std::vector<TokenObject>* objects);
  Status Probe(WorkerSession& worker);

  // Stop logs out and finalises; no worker may be left.
  void Stop() {
    anchor_.LogOut();
    module_->Finalize();
  }

  const Profile& profile() const { return profile_; }
  const Token& token() const { return token_; }
  KekTable& keks() { return keks_; }
  DeviceState& state() { return state_; }
  const DeviceState& state() const { return state_; }
  const Anchor& anchor() const { return anchor_; }
  uint64_t sessions_replaced() const { return replaced_count_.load(); }
  // sessions_open counts the workers' sessions and the anchor.
  int sessions_open() const {
    return worker_sessions_.load() + (anchor_.is_open() ? 1 : 0);
  }

 private:
  using Body = std::function<Step(const Session&)>;

  // Run does the body on the worker's session, with recovery: after a loss, the
  // body once more. `kek` is the KEK the body works with, or null. A seal is
  // not repeated: *lost says what was lost in the middle of it.
  enum class Access { kUse, kChange };
  Status Run(WorkerSession& worker, const Uuid* kek, const Body& body,
             Access access = Access::kUse,
             std::optional<SealLoss>* lost = nullptr);
  Step EnsureSession(WorkerSession& worker, Access access);
  Step LogIn(uint64_t seen_epoch);
  Step CheckLoggedIn(const Session& session) const;

  // Answers, by cause.
  Status AfterSeal(WorkerSession& worker, const Uuid& kek, const Step& step,
                   uint64_t epoch, std::optional<SealLoss>* lost);
  Status AfterGeneralError(WorkerSession& worker, const Uuid& kek,
                           const Step& step);
  Status Fail(WorkerSession& worker, const Uuid* kek, const Step& step);

  // The KEK's handle, proved if a known answer is there to prove it.
  Step ProvedHandle(const Session& session, const Uuid& kek,
                    CK_OBJECT_HANDLE* handle);
  Step FindHandles(const Session& session, const Uuid& kek,
                   std::vector<CK_OBJECT_HANDLE>* handles);
  enum class Proof { kProved, kOtherKey, kUnclear };
  Step ProveOneOf(const Session& session, const KnownAnswer& known_answer,
                  const std::vector<CK_OBJECT_HANDLE>& handles,
                  CK_OBJECT_HANDLE* proved, Proof* proof) const;
  Step Refute(const Session& session, const Uuid& kek,
              const KekTable::Entry& entry, Proof proof);

  Step CreateOn(const Session& session, const Uuid& id, std::string_view label);
  Step DestroyOn(const Session& session, const Uuid& id);

  const std::unique_ptr<Module> module_;
  const Token token_;
  const Profile profile_;
  std::atomic<uint64_t> replaced_count_{0};
  std::atomic<int> worker_sessions_{0};
  std::atomic<uint64_t> losses_{0};  // sessions that the token let go
  KekTable keks_;
  DeviceState state_;
  Anchor anchor_;
};

}  // namespace strongroom::hsm
