// The calls of a Device as the worker pool runs them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "hsm/pkcs11/call_metrics.h"
#include "hsm/pkcs11/token_call.h"
#include "hsm/pkcs11/token_client.h"

namespace strongroom::hsm {

// What every call needs of the device. Calls own it with the device: one that
// hangs in the module may outlive that. The metrics it touches no more then,
// for it was answered for.
struct CallContext {
  const std::shared_ptr<TokenClient> client;
  CallMetrics metrics;
  const Clock& clock;
  std::atomic<uint64_t> operations{0};
};
using SharedContext = std::shared_ptr<CallContext>;

// SealCall and OpenCall hold copies of their inputs, wiped when Run is over.
class SealCall final : public TokenCall {
 public:
  SealCall(SharedContext context, const Uuid& kek, ByteView aad,
           ByteView secret, SteadyTime deadline, Device::SealDone done)
      : TokenCall(deadline, /*urgent=*/false),
        context_(std::move(context)),
        kek_(kek),
        aad_(ToBytes(aad)),
        secret_(SecretBytes::CopyOf(secret)),
        done_(std::move(done)) {}

  void Run(WorkerSession& worker) override {
    const SteadyTime start = context_->clock.Steady();
    context_->operations.fetch_add(1);
    answer_ = context_->client->Seal(worker, kek_, aad_, secret_.Expose());
    secret_.Wipe();
    in_token_ = context_->clock.Steady() - start;
  }
  void Answer() override {
    context_->metrics.Time(CallKind::kSeal, in_token_);
    if (answer_.may_have_sealed) {
      context_->metrics.CountLostSeal();
    } else {
      context_->metrics.Count(CallKind::kSeal, answer_.sealed.status());
    }
    std::exchange(done_, nullptr)(std::move(answer_));
  }
  void Refuse(Status why) override {
    context_->metrics.Count(CallKind::kSeal, why);
    std::exchange(done_, nullptr)(std::move(why));
  }

 private:
  const SharedContext context_;
  const Uuid kek_;
  const Bytes aad_;
  SecretBytes secret_;
  Device::SealDone done_;
  SealAnswer answer_ = Bytes();
  std::chrono::nanoseconds in_token_{0};
};

class OpenCall final : public TokenCall {
 public:
  OpenCall(SharedContext context, const Uuid& kek, ByteView aad,
           ByteView sealed, SteadyTime deadline, Device::OpenDone done)
      : TokenCall(deadline, /*urgent=*/false),
        context_(std::move(context)),
        kek_(kek),
        aad_(ToBytes(aad)),
        sealed_(ToBytes(sealed)),
        done_(std::move(done)) {}

  void Run(WorkerSession& worker) override {
    const SteadyTime start = context_->clock.Steady();
    context_->operations.fetch_add(1);
    status_ = context_->client->Open(worker, kek_, aad_, sealed_, &secret_);
    in_token_ = context_->clock.Steady() - start;
  }
  void Answer() override {
    context_->metrics.Time(CallKind::kOpen, in_token_);
    if (!status_.ok()) return Refuse(std::move(status_));
    context_->metrics.Count(CallKind::kOpen, status_);
    std::exchange(done_, nullptr)(std::move(secret_));
  }
  void Refuse(Status why) override {
    context_->metrics.Count(CallKind::kOpen, why);
    std::exchange(done_, nullptr)(std::move(why));
  }

 private:
  const SharedContext context_;
  const Uuid kek_;
  const Bytes aad_;
  const Bytes sealed_;
  Device::OpenDone done_;
  Status status_;
  SecretBytes secret_;
  std::chrono::nanoseconds in_token_{0};
};

// BlockingCall does `work` on a worker while its maker waits. Whatever else
// `work` touches must belong to it: after a deadline it may still run.
class BlockingCall final : public TokenCall {
 public:
  using Work = std::function<Status(TokenClient&, WorkerSession&)>;
  BlockingCall(SharedContext context, CallKind kind, SteadyTime deadline,
               Work work)
      : TokenCall(deadline, /*urgent=*/true),
        context_(std::move(context)),
        kind_(kind),
        work_(std::move(work)) {}

  void Run(WorkerSession& worker) override {
    const SteadyTime start = context_->clock.Steady();
    status_ = work_(*context_->client, worker);
    in_token_ = context_->clock.Steady() - start;
  }
  void Answer() override {
    context_->metrics.Time(kind_, in_token_);
    Refuse(std::move(status_));
  }
  void Refuse(Status why) override {
    context_->metrics.Count(kind_, why);
    MutexLock lock(mutex_);
    result_ = std::move(why);
    done_ = true;
    finished_.SignalAll();
  }
  Status Wait() {
    MutexLock lock(mutex_);
    while (!done_) finished_.Wait(mutex_);
    return std::move(result_);
  }

 private:
  const SharedContext context_;
  const CallKind kind_;
  const Work work_;
  Status status_;
  std::chrono::nanoseconds in_token_{0};
  Mutex mutex_;
  CondVar finished_;
  bool done_ SR_GUARDED_BY(mutex_) = false;
  Status result_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::hsm
