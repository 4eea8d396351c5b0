// Desk: the service on its parts. Operations in ops/, one row each.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "service/operation.h"
#include "service/pipeline.h"
#include "strongroom/service/key_service.h"

namespace strongroom::service {

class Desk final : public KeyService {
 public:
  explicit Desk(ServiceParts parts) : pipeline_(std::move(parts)) {}

  void Serve(const Row& row, Call call, RawRequest request,
             Done<RawAnswer> done) override;
  Status Refuse(const Row& row, Call call, Status why) override;
  bool Drain(SteadyTime until) override { return pipeline_.Drain(until); }

  // Run is Serve for a door that has the request in the model's types and takes
  // the result so.
  template <typename Command, typename Result, typename Proof>
  void Run(const Operation<Command, Result, Proof>& operation, Call call,
           std::type_identity_t<Command> command,
           std::type_identity_t<Done<Result>> done) {
    pipeline_.Run<Result>(
        operation.spec, std::move(call),
        [&](const Resolver& resolver, Request& request) {
          return operation.resolve(resolver, request, command);
        },
        [&](std::shared_ptr<Request> request, Done<Result> finish) {
          Handle(operation, std::move(request), std::move(command),
                 std::move(finish));
        },
        [done = std::move(done)](const Request&, StatusOr<Result> result) {
          done(std::move(result));
        });
  }

  // For rows (service/row.h).
  Pipeline& pipeline() { return pipeline_; }

 private:
  Pipeline pipeline_;
};

}  // namespace strongroom::service
