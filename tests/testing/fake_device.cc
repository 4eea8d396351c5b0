#include "tests/testing/fake_device.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "tests/testing/fake_gcm.h"
#include "tests/testing/fake_signing.h"

namespace strongroom::testing {
namespace {

Status NotOnToken(const Uuid& id, std::string_view found) {
  return Error(Reason::kKekNotOnToken,
               "KEK " + id.ToString() +
                   " is not usable on the token: " + std::string(found) +
                   "; restore the token or the store they belong to");
}

}  // namespace

FakeDevice::FakeDevice(FakeDeviceOptions options)
    : options_(options),
      objects_(options.objects ? options.objects
                               : std::make_shared<ObjectTable>()) {
  info_.profile = "fake";
  info_.module_path = "(in memory)";
  info_.token_label = "fake";
  info_.token_model = "FakeDevice";
  info_.token_serial = "0";
  info_.workers = options_.workers;
  info_.iv_size = options_.iv_size;
  info_.partial_batches = options_.partial_batches;
  const int threads = options_.manual ? 0 : options_.workers;
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

FakeDevice::~FakeDevice() {
  Release();
  // Nothing is held any more, so the running calls end by themselves.
  Shutdown(SteadyTime::max());
  for (std::thread& thread : threads_) thread.join();
}

bool FakeDevice::RunOne() {
  std::optional<Call> call;
  {
    MutexLock lock(mutex_);
    if (queue_.empty()) return false;
    call = std::move(queue_.front());
    queue_.pop_front();
    ++running_;
  }
  Run(*std::move(call));
  return true;
}

size_t FakeDevice::RunAll() {
  size_t ran = 0;
  while (RunOne()) ++ran;
  return ran;
}

size_t FakeDevice::pending() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

void FakeDevice::Hold() {
  MutexLock lock(mutex_);
  holding_ = true;
}

void FakeDevice::Release() {
  MutexLock lock(mutex_);
  holding_ = false;
  changed_.SignalAll();
}

void FakeDevice::WaitUntilHeld(int calls) {
  MutexLock lock(mutex_);
  while (held_ < calls) changed_.Wait(mutex_);
}

void FakeDevice::SetUnhealthy(std::string_view detail) {
  MutexLock lock(mutex_);
  unhealthy_ = detail;
}

void FakeDevice::SetHealthy() {
  MutexLock lock(mutex_);
  unhealthy_.clear();
}

hsm::DeviceHealth FakeDevice::Health() const {
  MutexLock lock(mutex_);
  hsm::DeviceHealth health;
  health.keks_adopted = adopted_.size();
  for (const auto& [id, kek] : adopted_) health.keks_missing += kek.missing;
  if (health.keks_missing > 0) {
    health.condition = hsm::DeviceCondition::kKekMissing;
    health.detail = "KEK missing";
  }
  if (!unhealthy_.empty()) {
    health.condition = hsm::DeviceCondition::kAway;
    health.detail = unhealthy_;
  }
  health.sessions_open = stopped_ ? 0 : options_.workers + 1;
  health.operations = count(FakeOperation::kSeal) + count(FakeOperation::kOpen);
  health.logins = 1;
  return health;
}

void FakeDevice::Seal(const Uuid& kek, ByteView aad, ByteView secret,
                      SteadyTime deadline, SealDone done) {
  Call call{true,         kek,
            ToBytes(aad), SecretBytes::CopyOf(secret),
            deadline,     std::move(done),
            nullptr};
  if (secret.size() > hsm::kMaxSecretSize) {
    Fail(call, Error(Reason::kArgumentInvalid,
                     "secret has " + std::to_string(secret.size()) +
                         " bytes; want at most 64 for one token operation"));
    return;
  }
  Enqueue(std::move(call));
}

void FakeDevice::Open(const Uuid& kek, ByteView aad, ByteView sealed,
                      SteadyTime deadline, OpenDone done) {
  Enqueue({false, kek, ToBytes(aad), SecretBytes::CopyOf(sealed), deadline,
           nullptr, std::move(done)});
}

Status FakeDevice::CreateKek(const Uuid& id, std::string_view label) {
  SR_RETURN_IF_ERROR(RefuseIfStopped());
  return faults_.Do(FakeOperation::kCreateKek, [&]() -> Status {
    if (!objects_->AddKek(id, label)) {
      return Error(Reason::kConflict, "the token has an object with the id " +
                                          id.ToString() +
                                          " already; want a fresh id");
    }
    MutexLock lock(mutex_);
    forgotten_.erase(id);
    return OkStatus();
  });
}

void FakeDevice::Adopt(const hsm::KekReference& kek) {
  MutexLock lock(mutex_);
  forgotten_.erase(kek.id);
  adopted_[kek.id] = {kek.known_answer, false};
}

void FakeDevice::Forget(const Uuid& id) {
  MutexLock lock(mutex_);
  adopted_.erase(id);
  forgotten_.insert(id);
}

Status FakeDevice::Prove(const Uuid& id) {
  SR_RETURN_IF_ERROR(RefuseIfStopped());
  return faults_.Do(FakeOperation::kProve, [&]() -> Status {
    {
      MutexLock lock(mutex_);
      auto found = adopted_.find(id);
      if (found == adopted_.end()) return NotOnToken(id, "it was not adopted");
      found->second.proved = false;
    }
    return ProvedKey(id).status();
  });
}

Status FakeDevice::DestroyKek(const Uuid& id) {
  SR_RETURN_IF_ERROR(RefuseIfStopped());
  return faults_.Do(FakeOperation::kDestroyKek, [&]() -> Status {
    if (objects_->CopySigningKey(id).empty()) objects_->Remove(id);
    MutexLock lock(mutex_);
    adopted_.erase(id);
    return OkStatus();
  });
}

StatusOr<Bytes> FakeDevice::MakeSigningKey(const Uuid& id,
                                           std::string_view label) {
  SR_RETURN_IF_ERROR(RefuseIfStopped());
  return faults_.Do(FakeOperation::kMakeSigningKey,
                    [&] { return MakeP256(*objects_, id, label); });
}

Status FakeDevice::DestroySigningKey(const Uuid& id, std::string_view label) {
  SR_RETURN_IF_ERROR(RefuseIfStopped());
  if (objects_->RemoveSigningKey(id, label)) return OkStatus();
  return Error(Reason::kConflict, "the token has an object with the id " +
                                      id.ToString() +
                                      " that is no signing key of that label");
}

StatusOr<Bytes> FakeDevice::SigningPublicKey(const Uuid& id) {
  SR_RETURN_IF_ERROR(RefuseIfStopped());
  return PublicP256(*objects_, id);
}

StatusOr<Bytes> FakeDevice::Sign(const Uuid& id, ByteView sha256) {
  SR_RETURN_IF_ERROR(RefuseIfStopped());
  SR_RETURN_IF_ERROR(hsm::CheckDigest(sha256));
  return faults_.Do(FakeOperation::kSign,
                    [&] { return SignP256(*objects_, id, sha256); });
}

StatusOr<std::vector<hsm::TokenObject>> FakeDevice::List() {
  SR_RETURN_IF_ERROR(RefuseIfStopped());
  return faults_.Do(FakeOperation::kList,
                    [&]() -> StatusOr<std::vector<hsm::TokenObject>> {
                      return objects_->List();
                    });
}

Status FakeDevice::Probe() {
  SR_RETURN_IF_ERROR(RefuseIfStopped());
  return faults_.Do(FakeOperation::kProbe, [&]() -> Status {
    std::vector<Uuid> keks;
    {
      MutexLock lock(mutex_);
      for (auto& [id, kek] : adopted_) {
        kek.proved = false;
        keks.push_back(id);
      }
    }
    Status missing;
    for (const Uuid& id : keks) {
      if (Status status = ProvedKey(id).status(); !status.ok())
        missing = status;
    }
    return missing;
  });
}

bool FakeDevice::Shutdown(SteadyTime until) {
  std::deque<Call> refused;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    refused.swap(queue_);
    changed_.SignalAll();
  }
  for (Call& call : refused) Fail(call, RefuseIfStopped());
  MutexLock lock(mutex_);
  while (running_ > 0) {
    if (until == SteadyTime::max()) {
      changed_.Wait(mutex_);
      continue;
    }
    // `until` is on the injected clock; the wait is on the real one.
    const auto left = until - options_.clock->Steady();
    if (left <= left.zero()) return false;
    const auto wake = std::chrono::steady_clock::now() + left;
    if (!changed_.WaitUntil(mutex_, wake) && running_ > 0) return false;
  }
  return true;
}

void FakeDevice::Fail(Call& call, const Status& status) {
  if (call.is_seal) {
    call.seal_done(status);
  } else {
    call.open_done(status);
  }
}

void FakeDevice::Enqueue(Call call) {
  Status refusal;
  {
    MutexLock lock(mutex_);
    if (stopped_) {
      refusal = Error(Reason::kDraining, "the device is shutting down");
    } else if (queue_.size() >= options_.queue_limit) {
      refusal = Error(Reason::kHsmBusy,
                      "the device's queue is full; send fewer calls at once");
    } else {
      queue_.push_back(std::move(call));
      changed_.SignalAll();
      return;
    }
  }
  Fail(call, refusal);
}

void FakeDevice::Work() {
  for (;;) {
    std::optional<Call> call;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopped_) changed_.Wait(mutex_);
      if (queue_.empty()) return;
      call = std::move(queue_.front());
      queue_.pop_front();
      ++running_;
    }
    Run(*std::move(call));
  }
}

// Run expects running_ to count this call already.
void FakeDevice::Run(Call call) {
  StatusOr<SecretBytes> result = SecretBytes();
  if (call.deadline <= options_.clock->Steady()) {
    result = Error(Reason::kDeadlineExceeded,
                   "the call's deadline passed before the token was free");
  } else {
    PassHold();
    result = RunOnToken(call);
  }
  if (!result.ok()) {
    Fail(call, result.status());
  } else if (call.is_seal) {
    call.seal_done(faults_.OrLost(ToBytes(result->Expose())));
  } else {
    call.open_done(*std::move(result));
  }
  MutexLock lock(mutex_);
  --running_;
  changed_.SignalAll();
}

StatusOr<SecretBytes> FakeDevice::RunOnToken(const Call& call) {
  const auto operation =
      call.is_seal ? FakeOperation::kSeal : FakeOperation::kOpen;
  return faults_.Do(operation, [&]() -> StatusOr<SecretBytes> {
    SR_ASSIGN_OR_RETURN(SecretBytes key, ProvedKey(call.kek));
    if (call.is_seal) {
      return SecretBytes::CopyOf(
          SealWith(key, options_.iv_size, call.aad, call.input.Expose()));
    }
    std::optional<SecretBytes> opened =
        OpenWith(key, options_.iv_size, call.aad, call.input.Expose());
    if (!opened) {
      return Error(Reason::kNotAuthentic,
                   "the sealed bytes do not open under KEK " +
                       call.kek.ToString() + " with this aad");
    }
    return *std::move(opened);
  });
}

void FakeDevice::PassHold() {
  MutexLock lock(mutex_);
  if (!holding_) return;
  ++held_;
  changed_.SignalAll();
  while (holding_) changed_.Wait(mutex_);
  --held_;
}

StatusOr<SecretBytes> FakeDevice::ProvedKey(const Uuid& id) {
  SecretBytes key = objects_->CopyKey(id);
  MutexLock lock(mutex_);
  auto found = adopted_.find(id);
  if (found != adopted_.end()) found->second.missing = key.empty();
  if (key.empty()) return NotOnToken(id, "no AES key has this CKA_ID");
  if (forgotten_.contains(id)) {
    return NotOnToken(id, "it was forgotten and not adopted again");
  }
  if (found == adopted_.end() || found->second.proved) return key;
  const hsm::KnownAnswer& answer = found->second.known_answer;
  if (!OpenWith(key, options_.iv_size, answer.aad, answer.sealed)) {
    found->second.missing = true;
    return NotOnToken(id, "the object with its CKA_ID is another key");
  }
  found->second.proved = true;
  return key;
}

Status FakeDevice::RefuseIfStopped() const {
  MutexLock lock(mutex_);
  if (!stopped_) return OkStatus();
  return Error(Reason::kDraining, "the device is shutting down");
}

}  // namespace strongroom::testing
