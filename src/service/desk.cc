#include "service/desk.h"

namespace strongroom::service {

void Desk::Serve(const Row& row, Call call, RawRequest request,
                 Done<RawAnswer> done) {
  row.serve(*this, std::move(call), request, std::move(done));
}

Status Desk::Refuse(const Row& row, Call call, Status why) {
  Status answer;
  pipeline_.Run<model::Nothing>(
      *row.spec, std::move(call),
      [&](const Resolver&, Request&) -> StatusOr<Target> { return why; },
      [](std::shared_ptr<Request>, Done<model::Nothing> finish) {
        finish(model::Nothing());
      },
      [&answer](const Request&, StatusOr<model::Nothing> result) {
        answer = result.status();
      });
  return answer;
}

std::unique_ptr<KeyService> CreateKeyService(ServiceParts parts) {
  return std::make_unique<Desk>(std::move(parts));
}

}  // namespace strongroom::service
