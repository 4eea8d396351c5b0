// The pipeline that every request takes, written once:
// admit > authenticate > resolve > authorise > do > record > answer.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "service/caller_limits.h"
#include "service/request.h"
#include "service/request_metrics.h"
#include "service/rooms.h"
#include "strongroom/service/key_service.h"

namespace strongroom::service {

// Pipeline is thread-safe.
class Pipeline {
 public:
  explicit Pipeline(ServiceParts parts);

  // Run takes one request through all steps. An operation supplies
  //   StatusOr<Target> resolve(const Resolver&, Request&)
  //       checks what can be checked without looking at any key, and says what
  //       the request is about;
  //   void work(std::shared_ptr<Request>, Done<Result> finish)
  //       does it, and calls `finish` exactly once, on any thread, or before it
  //       returns if the row blocks;
  //   void answer(const Request&, StatusOr<Result>)
  //       gives the result to who asked. Runs exactly once.
  // The request is inside the gate until `answer` returns.
  template <typename Result, typename Resolve, typename Do, typename Answer>
  void Run(const OperationSpec& spec, Call call, Resolve resolve, Do work,
           Answer answer) {
    auto request = std::make_shared<Request>(spec, std::move(call), rooms_);
    Done<Result> finish = [this, request, answer = std::move(answer)](
                              StatusOr<Result> result) mutable {
      using Ended = Ending<Result, Answer>;
      auto ending = std::make_unique<Ended>(Ended{
          *this, std::move(request), std::move(answer), std::move(result)});
      Fill(*ending->request, ending->result.status());
      const Request& r = *ending->request;
      audit::AuditLog& audit = rooms_.parts_.audit;
      if (r.spec.blocks()) {
        return ending->Recorded(audit.Append(r.record, r.durability_));
      }
      // Written together with others', and answered then. Small enough to be
      // kept without memory of its own; called once.
      audit.AppendThen(r.record, r.durability_,
                       [raw = ending.release()](Status written) {
                         std::unique_ptr<Ended>(raw)->Recorded(written);
                       });
    };
    Status status = Admit(*request);
    if (status.ok()) status = Authenticate(*request);
    if (status.ok()) {
      StatusOr<Target> target = resolve(Resolver(rooms_), *request);
      status = target.ok() ? Authorise(*request, *target) : target.status();
      if (status.ok()) status = BeginChange(*request);
    }
    if (!status.ok()) return finish(status);
    work(std::move(request), std::move(finish));
  }

  bool Drain(SteadyTime until);

 private:
  // Ending is a request that is done, until it is recorded and answered.
  template <typename Result, typename Answer>
  struct Ending {
    Pipeline& pipeline;
    std::shared_ptr<Request> request;
    Answer answer;
    StatusOr<Result> result;

    void Recorded(const Status& written) {
      // Dropping the result wipes it: secrets live in SecretBytes.
      Status recorded = pipeline.Judged(*request, result.status(), written);
      if (!recorded.ok()) result = std::move(recorded);
      pipeline.Count(*request, result.status());
      answer(std::as_const(*request), std::move(result));
      pipeline.Leave(*request);
    }
  };

  // DRAINING, DEADLINE_EXCEEDED.
  Status Admit(Request& request);
  // UNAUTHENTICATED.
  Status Authenticate(Request& request) const;
  // Also charges the caller's limit: RATE_LIMITED. Besides
  // PERMISSION_DENIED, KEY_NOT_FOUND for what the caller named. What tokens
  // name is judged for each of its items: Request::owners.
  Status Authorise(Request& request, const Target& target);
  Status JudgeKeys(Request& request, const Target& target) const;
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

  const Rooms rooms_;
  RequestMetrics metrics_;
  CallerLimits limits_;
  Gate gate_;
};

}  // namespace strongroom::service
