#include "hsm/pkcs11/token_link.h"

#include <utility>

#include "hsm/pkcs11/aead.h"
#include "hsm/pkcs11/objects.h"
#include "hsm/pkcs11/return_values.h"
#include "hsm/pkcs11/self_test.h"
#include "strongroom/base/log.h"

namespace strongroom::hsm {
namespace {

// After what is over as soon as it was answered: a lost session, a full token.
constexpr std::chrono::milliseconds kSoon{100};

std::string_view OperationName(Operation operation) {
  switch (operation) {
    case Operation::kOpenSession:
      return "opening a session";
    case Operation::kSessionInfo:
      return "asking for the session's state";
    case Operation::kLogin:
      return "logging in";
    case Operation::kFind:
      return "finding objects";
    case Operation::kReadAttributes:
      return "reading attributes";
    case Operation::kSeal:
      return "sealing";
    case Operation::kOpen:
      return "opening";
    case Operation::kSign:
      return "signing";
    case Operation::kGenerate:
      return "generating a key";
    case Operation::kDestroy:
      return "destroying a key";
  }
  return "";
}

std::string Describe(const Step& step) {
  return std::string(OperationName(step.operation)) + " answered " +
         ReturnValueName(step.rv);
}

Status AfterRetry(const Step& step) {
  return Error(Reason::kHsmUnavailable,
               Describe(step) + " again after recovery; try again", kSoon);
}

Status InTheMiddle(const Step& step) {
  return Error(
      Reason::kHsmUnavailable,
      Describe(step) + ", and the KEK may have sealed or not; try again",
      kSoon);
}

Status Unexpected(const Step& step) {
  return Error(Reason::kHsmUnexpected,
               Describe(step) + "; its session was thrown away");
}

}  // namespace

Step CheckLoggedIn(const Session& session) {
  bool logged_in = false;
  CK_RV rv = session.IsLoggedIn(&logged_in);
  if (rv == CKR_OK && !logged_in) rv = CKR_USER_NOT_LOGGED_IN;
  return Step::Of(Operation::kSessionInfo, rv);
}

Step FindLoggedIn(const Session& session, const Uuid& kek,
                  std::vector<CK_OBJECT_HANDLE>* handles) {
  SR_RETURN_IF_FAILED(CheckLoggedIn(session));
  return Step::Of(Operation::kFind, FindKeks(session, kek, handles));
}

TokenLink::TokenLink(std::unique_ptr<Module> module, KekTable& keks,
                     Options options)
    : module_(std::move(module)),
      keks_(keks),
      token_(std::move(options.token)),
      profile_(std::move(options.profile)),
      state_(*options.clock),
      anchor_(*module_, token_, profile_, std::move(options.pin),
              std::move(options.pin_file)) {}

Status TokenLink::Start() {
  SR_RETURN_IF_ERROR(CheckMechanisms(*module_, token_));
  if (token_.flags & CKF_USER_PIN_LOCKED) {
    return anchor_.Refuse(
        "says that its user PIN is locked; the one in the PIN file was not "
        "tried",
        "the token's security officer must unlock it; then restart");
  }
  // A service that is restarted over and over with a wrong PIN file must not be
  // what locks the token.
  if (token_.flags & CKF_USER_PIN_FINAL_TRY) {
    return anchor_.Refuse(
        "says that one more wrong PIN locks it; the one in the PIN file was "
        "not tried",
        "log in once with the token's own tools, correct the file if it has "
        "another PIN, then restart");
  }
  WorkerSession starter;
  Step login = LogIn(0);
  if (!login.ok()) return Fail(starter, nullptr, login);
  Step session = EnsureSession(starter, Access::kUse);
  if (!session.ok()) return Fail(starter, nullptr, session);
  Status test = RunSelfTest(*starter.session, profile_);
  Discard(starter);
  return test;
}

Status TokenLink::OpenFirst(WorkerSession& worker) {
  Step step = EnsureSession(worker, Access::kUse);
  return step.ok() ? OkStatus() : Fail(worker, nullptr, step);
}

void TokenLink::Lose(WorkerSession& worker, CK_RV why) {
  if (IsSessionGone(why)) {
    // The token may have been away: a handle can mean another object now, even
    // if the login is there.
    keks_.DoubtAll();
    losses_.fetch_add(1);
    if (worker.session) worker.session->Drop();
  }
  Discard(worker);
}

void TokenLink::Discard(WorkerSession& worker) {
  if (!worker.session) return;
  worker.session.reset();
  worker.had_session = true;
  worker_sessions_.fetch_sub(1);
}

Step TokenLink::EnsureSession(WorkerSession& worker, Access access) {
  const bool read_write =
      profile_.read_write_sessions || access == Access::kChange;
  // A token that let one session go may have let them all go. To find that out
  // in the middle of a seal would cost a further seal.
  const uint64_t losses = losses_.load();
  if (worker.session && worker.losses_seen != losses) {
    SR_RETURN_IF_FAILED(CheckLoggedIn(*worker.session));
  }
  worker.losses_seen = losses;
  if (worker.session && (worker.read_write || !read_write)) return Step::Ok();
  // In its place, not beside it: the token may have no session to spare.
  if (worker.session) {
    worker.session.reset();
    worker_sessions_.fetch_sub(1);
  }
  Session session;
  SR_RETURN_IF_FAILED(
      Step::Of(Operation::kOpenSession,
               module_->OpenSession(token_.slot, read_write, &session)));
  // A token that lost every session has logged out; the new one tells.
  SR_RETURN_IF_FAILED(CheckLoggedIn(session));
  worker.session = std::move(session);
  worker.read_write = read_write;
  worker_sessions_.fetch_add(1);
  if (std::exchange(worker.had_session, false)) replaced_count_.fetch_add(1);
  return Step::Ok();
}

Step TokenLink::LogIn(uint64_t seen_epoch) {
  bool fresh = false;
  SR_RETURN_IF_FAILED(anchor_.LogIn(seen_epoch, &fresh));
  if (!fresh) return Step::Ok();
  // Handles of private objects died with the login that was lost. One
  // enumeration costs less than to look up each KEK: a look-up is linear too.
  Session session;
  SR_RETURN_IF_FAILED(
      Step::Of(Operation::kOpenSession,
               module_->OpenSession(token_.slot, profile_.read_write_sessions,
                                    &session)));
  std::map<Uuid, CK_OBJECT_HANDLE> handles;
  SR_RETURN_IF_FAILED(
      Step::Of(Operation::kFind, EnumerateKeks(session, &handles)));
  keks_.ReplaceHandles(handles);
  return Step::Ok();
}

Status TokenLink::Run(WorkerSession& worker, const Uuid* kek, const Body& body,
                      Access access, std::optional<SealLoss>* lost) {
  SR_RETURN_IF_ERROR(anchor_.refusal());
  SR_RETURN_IF_ERROR(state_.Admit());
  // Every remedy is tried once per call; the loop ends after four rounds.
  bool session_retried = false, login_retried = false, handle_retried = false;
  bool login_needed = false;
  uint64_t lost_epoch = 0;  // whose login was lost
  for (;;) {
    const uint64_t epoch = anchor_.epoch();
    Step step = login_needed ? LogIn(lost_epoch) : Step::Ok();
    if (step.ok()) login_needed = false;
    if (step.ok()) step = EnsureSession(worker, access);
    if (step.ok()) step = body(*worker.session);
    if (step.ok()) {
      state_.Well();
      return OkStatus();
    }
    if (step.operation == Operation::kSeal) {
      return AfterSeal(worker, *kek, step, epoch, lost);
    }
    switch (Classify(step.operation, step.rv, profile_)) {
      case Cause::kSessionLost:
        if (std::exchange(session_retried, true)) {
          return Fail(worker, kek, step);
        }
        Lose(worker, step.rv);
        continue;
      case Cause::kNotLoggedIn:
        if (std::exchange(login_retried, true)) return Fail(worker, kek, step);
        keks_.DoubtAll();
        Discard(worker);
        login_needed = true;
        lost_epoch = epoch;
        continue;
      case Cause::kHandleInvalid: {
        if (kek == nullptr || std::exchange(handle_retried, true)) {
          return Fail(worker, kek, step);
        }
        KekTable::Entry entry = keks_.Get(*kek);
        if (entry.handle) keks_.DropHandle(*kek, *entry.handle);
        continue;
      }
      case Cause::kDataOrDevice:
        return AfterGeneralError(worker, *kek, step);
      default:
        return Fail(worker, kek, step);
    }
  }
}

// Mends what was lost, for the next seal. Not this one again: its KEK may have
// sealed, and its owner counts seals.
Status TokenLink::AfterSeal(WorkerSession& worker, const Uuid& kek,
                            const Step& step, uint64_t epoch,
                            std::optional<SealLoss>* lost) {
  switch (Classify(step.operation, step.rv, profile_)) {
    case Cause::kSessionLost:
      *lost = SealLoss::kSession;
      Lose(worker, step.rv);
      // A new session, if it is to be had: else the next call says why not.
      EnsureSession(worker, Access::kUse);
      return InTheMiddle(step);
    case Cause::kNotLoggedIn: {
      *lost = SealLoss::kLogin;
      keks_.DoubtAll();
      Discard(worker);
      const Step login = LogIn(epoch);
      if (!login.ok()) return Fail(worker, &kek, login);
      EnsureSession(worker, Access::kUse);
      return InTheMiddle(step);
    }
    case Cause::kHandleInvalid: {
      *lost = SealLoss::kHandle;
      const KekTable::Entry entry = keks_.Get(kek);
      if (entry.handle) keks_.DropHandle(kek, *entry.handle);
      return Fail(worker, &kek, step);
    }
    default:
      return Fail(worker, &kek, step);
  }
}

Status TokenLink::AfterGeneralError(WorkerSession& worker, const Uuid& kek,
                                    const Step& step) {
  const KekTable::Entry entry = keks_.Get(kek);
  if (!entry.known_answer || !entry.handle) {
    Discard(worker);
    return Unexpected(step);
  }
  SecretBytes opened;
  CK_RV rv =
      AeadOpen(*worker.session, *entry.handle, profile_,
               entry.known_answer->aad, entry.known_answer->sealed, &opened);
  if (rv == CKR_OK) {
    // The device is well, so the data was not: the session stays.
    return Fail(worker, &kek,
                Step::Of(Operation::kOpen, CKR_ENCRYPTED_DATA_INVALID));
  }
  keks_.Doubt(kek);
  Step second = Step::Of(Operation::kOpen, rv);
  if (Classify(second.operation, rv, profile_) == Cause::kDeviceLost) {
    return Fail(worker, &kek, second);
  }
  Discard(worker);
  return Error(Reason::kHsmUnexpected,
               Describe(step) + ", and the known answer " +
                   ReturnValueName(rv) + "; its session was thrown away");
}

Status TokenLink::Fail(WorkerSession& worker, const Uuid* kek,
                       const Step& step) {
  if (!step.status.ok()) {
    // To know that a KEK is missing, the token must have answered.
    if (ReasonOf(step.status) == Reason::kKekNotOnToken) state_.Well();
    return step.status;
  }
  switch (Classify(step.operation, step.rv, profile_)) {
    case Cause::kNotAuthentic:
      state_.Well();
      return Error(Reason::kNotAuthentic,
                   "the sealed bytes do not open under KEK " +
                       (kek != nullptr ? kek->ToString() : "") +
                       " with this aad");
    case Cause::kHandleInvalid:
      if (kek == nullptr) break;
      return KekNotOnToken(*kek, Describe(step));
    case Cause::kBusy:
      worker.shrink = true;
      return Error(Reason::kHsmBusy,
                   Describe(step) +
                       "; the token is short of sessions or "
                       "memory: send less at once, or configure fewer workers",
                   kSoon);
    case Cause::kDeviceLost:
      keks_.DoubtAll();
      Discard(worker);
      return state_.Lost(Describe(step));
    case Cause::kLoginRefused:
      Discard(worker);
      return anchor_.Refuse(step.rv);
    case Cause::kSessionLost:
    case Cause::kNotLoggedIn:
      Lose(worker, step.rv);
      return AfterRetry(step);
    default:
      break;
  }
  Discard(worker);
  if (kek != nullptr) keks_.Doubt(*kek);
  log::Warning("unexpected answer of the token", {{"found", Describe(step)}});
  return Unexpected(step);
}

}  // namespace strongroom::hsm
