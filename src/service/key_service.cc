#include "strongroom/service/key_service.h"

#include <algorithm>
#include <utility>

#include "service/key_service_impl.h"
#include "service/open.h"
#include "service/seal.h"

namespace strongroom::service {
namespace {

constexpr Operation kSeals[] = {
    Operation::kEncrypt,         Operation::kWrap,
    Operation::kGenerateDataKey, Operation::kBatchEncrypt,
    Operation::kBatchWrap,       Operation::kBatchGenerateDataKeys};
constexpr Operation kOpens[] = {Operation::kDecrypt, Operation::kUnwrap,
                                Operation::kBatchDecrypt,
                                Operation::kBatchUnwrap};
constexpr Operation kRewraps[] = {Operation::kRewrap, Operation::kBatchRewrap};

}  // namespace

Status CheckCalledAs(const Request& request,
                     std::span<const Operation> allowed) {
  const Operation operation = request.spec.operation;
  if (std::find(allowed.begin(), allowed.end(), operation) != allowed.end()) {
    return OkStatus();
  }
  return Error(Reason::kInternal, "the service was called wrongly as " +
                                      std::string(request.spec.rpc));
}

void KeyServiceImpl::Seal(Call call, SealCommand command,
                          Done<SealResult> done) {
  pipeline_.Run<SealResult>(
      std::move(call),
      [&](Request& request) -> StatusOr<Target> {
        SR_RETURN_IF_ERROR(CheckCalledAs(request, kSeals));
        request.record.items = static_cast<uint32_t>(command.items.size());
        request.record.key = command.key_name;
        return PrepareSeal(request, command);
      },
      [&](std::shared_ptr<Request> request, Done<SealResult> finish) {
        service::Seal(parts_, std::move(request), std::move(command),
                      std::move(finish));
      },
      std::move(done));
}

void KeyServiceImpl::Open(Call call, OpenCommand command,
                          Done<OpenResult> done) {
  std::vector<TokenItem> items;
  pipeline_.Run<OpenResult>(
      std::move(call),
      [&](Request& request) -> StatusOr<Target> {
        SR_RETURN_IF_ERROR(CheckCalledAs(request, kOpens));
        request.record.items = static_cast<uint32_t>(command.items.size());
        request.record.key = command.key_name;
        return PrepareOpen(parts_.registry, request, command, &items);
      },
      [&](std::shared_ptr<Request> request, Done<OpenResult> finish) {
        service::Open(parts_, std::move(request), command, std::move(items),
                      std::move(finish));
      },
      std::move(done));
}

void KeyServiceImpl::Rewrap(Call call, RewrapCommand command,
                            Done<RewrapResult> done) {
  std::vector<TokenItem> items;
  pipeline_.Run<RewrapResult>(
      std::move(call),
      [&](Request& request) -> StatusOr<Target> {
        SR_RETURN_IF_ERROR(CheckCalledAs(request, kRewraps));
        request.record.items = static_cast<uint32_t>(command.tokens.size());
        request.record.key = command.key_name;
        return PrepareRewrap(parts_.registry, request, command, &items);
      },
      [&](std::shared_ptr<Request> request, Done<RewrapResult> finish) {
        service::Rewrap(parts_, std::move(request), std::move(items),
                        std::move(finish));
      },
      std::move(done));
}

Status KeyServiceImpl::Refuse(Call call, Status why) {
  struct Nothing {};
  return pipeline_
      .RunNow<Nothing>(
          std::move(call), [&](Request&) -> StatusOr<Target> { return why; },
          [](Request&) -> StatusOr<Nothing> { return Nothing{}; })
      .status();
}

std::unique_ptr<KeyService> CreateKeyService(const ServiceParts& parts) {
  return std::make_unique<KeyServiceImpl>(parts);
}

}  // namespace strongroom::service
