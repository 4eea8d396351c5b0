// The pipeline that every request takes, written once:
// admit > authenticate > resolve > authorise > do > record > answer.
#pragma once

#include <memory>
#include <utility>

#include "service/caller_limits.h"
#include "service/request.h"
#include "service/request_metrics.h"
#include "strongroom/service/key_service.h"

namespace strongroom::service {

// Pipeline is thread-safe.
class Pipeline {
 public:
  explicit Pipeline(const ServiceParts& parts)
      : parts_(parts), metrics_(parts.metrics) {}

  // Run takes one request through all steps. An operation supplies
  //   StatusOr<Target> prepare(Request&)
  //       checks what can be checked without looking at any key, and says what
  //       the request is about;
  //   void work(std::shared_ptr<Request>, Done<Result> finish)
  //       does it, and calls `finish` exactly once, on any thread.
  // `done` runs exactly once; the request is inside the gate until it returns.
  template <typename Result, typename Prepare, typename Work>
  void Run(Call call, Prepare prepare, Work work, Done<Result> done) {
    Run<Result>(std::move(call), std::move(prepare), std::move(work),
                std::move(done), Recording::kWithOthers);
  }

  // RunNow is Run for work that blocks and gives its result:
  //   StatusOr<Result> work(Request&)
  template <typename Result, typename Prepare, typename Work>
  StatusOr<Result> RunNow(Call call, Prepare prepare, Work work) {
    std::optional<StatusOr<Result>> answer;
    Run<Result>(
        std::move(call), std::move(prepare),
        [&work](std::shared_ptr<Request> request, Done<Result> finish) {
          finish(work(*request));
        },
        [&answer](StatusOr<Result> result) { answer = std::move(result); },
        Recording::kAtOnce);
    return *std::move(answer);
  }

  bool Drain(SteadyTime until);

 private:
  // A record that others are written with is written after `finish` returned,
  // and its request answered then.
  enum class Recording { kAtOnce, kWithOthers };

  // Ending is a request that is done, until it is recorded and answered.
  template <typename Result>
  struct Ending {
    Pipeline& pipeline;
    std::shared_ptr<Request> request;
    Done<Result> done;
    StatusOr<Result> result;

    void Recorded(const Status& written) {
      // Dropping the result wipes it: secrets live in SecretBytes.
      Status recorded = pipeline.Judged(*request, result.status(), written);
      if (!recorded.ok()) result = std::move(recorded);
      pipeline.Count(*request, result.status());
      done(std::move(result));
      pipeline.Leave(*request);
    }
  };

  template <typename Result, typename Prepare, typename Work>
  void Run(Call call, Prepare prepare, Work work, Done<Result> done,
           Recording recording) {
    const OperationSpec& spec = SpecOf(call.operation);
    auto request = std::make_shared<Request>(spec, std::move(call));
    Done<Result> finish = [this, request, recording, done = std::move(done)](
                              StatusOr<Result> result) mutable {
      auto ending = std::make_unique<Ending<Result>>(Ending<Result>{
          *this, std::move(request), std::move(done), std::move(result)});
      Fill(*ending->request, ending->result.status());
      const Request& r = *ending->request;
      if (recording == Recording::kAtOnce) {
        return ending->Recorded(parts_.audit.Append(r.record, r.durability));
      }
      // Small enough to be kept without memory of its own; called once.
      parts_.audit.AppendThen(
          r.record, r.durability, [raw = ending.release()](Status written) {
            std::unique_ptr<Ending<Result>>(raw)->Recorded(written);
          });
    };
    Status status = Admit(*request);
    if (status.ok()) status = Authenticate(*request);
    if (status.ok()) {
      StatusOr<Target> target = prepare(*request);
      status = target.ok() ? Authorise(*request, *target) : target.status();
      if (status.ok()) status = BeginChange(*request);
    }
    if (!status.ok()) return finish(status);
    work(std::move(request), std::move(finish));
  }

  // DRAINING, DEADLINE_EXCEEDED.
  Status Admit(Request& request);
  // UNAUTHENTICATED.
  Status Authenticate(Request& request) const;
  // Also charges the caller's limit: RATE_LIMITED. Besides
  // PERMISSION_DENIED, KEY_NOT_FOUND for what the caller named. What tokens
  // name is judged for each of its items: Request::owners.
  Status Authorise(Request& request, const Target& target);
  Subject JudgeNamed(const Request& request, const Target& target) const;
  Subject JudgeOwner(const Request& request, const Uuid& key_id) const;
  // AUDIT_UNAVAILABLE for a change that could not be recorded: no work is done.
  // Otherwise the record of a change is durable before its answer.
  Status BeginChange(Request& request) const;
  // Fill completes the record.
  void Fill(Request& request, const Status& outcome) const;
  // AUDIT_UNAVAILABLE if the record could not be made as safe as it must be.
  static Status Judged(const Request& request, const Status& outcome,
                       const Status& written);
  void Count(const Request& request, const Status& outcome);
  // After Leave the service may be gone.
  void Leave(Request& request);

  const ServiceParts parts_;
  RequestMetrics metrics_;
  CallerLimits limits_;
  Gate gate_;
};

}  // namespace strongroom::service
