#include "service/seal.h"

#include <utility>

#include "service/limits.h"
#include "service/register.h"
#include "service/traces.h"
#include "strongroom/base/random.h"

namespace strongroom::service {
namespace {

constexpr uint32_t kDefaultDekBytes = 32;

uint32_t DekBytes(const SealCommand& command) {
  return command.dek_bytes == 0 ? kDefaultDekBytes : command.dek_bytes;
}

SecretBytes DrawDek(uint32_t size) {
  SecretBytes dek(size);
  // A DEK is drawn at the moment it is asked for: see FillRandom.
  FillRandom(dek.ExposeMutable());
  return dek;
}

size_t WeightOf(const SealCommand& command) {
  size_t bytes = service::WeightOf(command.context);
  for (const SealInput& item : command.items) {
    bytes += item.secret.size();
    if (item.context.has_value()) bytes += service::WeightOf(*item.context);
  }
  return bytes;
}

std::vector<batching::SealItem> EngineItems(const Request& request,
                                            SealCommand& command) {
  const envelope::Purpose purpose = PurposeOf(request.spec.operation);
  const Contexts contexts(command.context);
  std::vector<batching::SealItem> items(command.items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    SealInput& input = command.items[i];
    batching::SealItem& item = items[i];
    item.secret = GeneratesDeks(request) ? DrawDek(DekBytes(command))
                                         : std::move(input.secret);
    item.status = CheckSecretSize(purpose, item.secret.size());
    if (!item.status.ok()) continue;
    StatusOr<Bytes> context = contexts.For(input.context);
    if (context.ok()) {
      item.context = *std::move(context);
    } else {
      item.status = context.status();
    }
  }
  return items;
}

}  // namespace

StatusOr<Target> PrepareSeal(const Request& request,
                             const SealCommand& command) {
  SR_RETURN_IF_ERROR(CheckItemCount(request.spec, command.items.size()));
  SR_RETURN_IF_ERROR(CheckWeight(request.spec, WeightOf(command)));
  if (GeneratesDeks(request)) {
    SR_RETURN_IF_ERROR(
        CheckSecretSize(envelope::Purpose::kWrappedDek, DekBytes(command)));
  }
  SR_RETURN_IF_ERROR(CheckRegistration(request, command));
  Target target;
  target.operations = command.items.size();
  SR_ASSIGN_OR_RETURN(target.name, KeyName::Parse(command.key_name));
  return target;
}

bool GeneratesDeks(const Request& request) {
  return request.spec.action == auth::Action::kGenerateDataKey;
}

bool GivesPlaintext(const Request& request, const SealCommand& command) {
  return GeneratesDeks(request) && !command.without_plaintext;
}

std::unique_ptr<batching::SealRequest> MakeSealRequest(const Request& request,
                                                       SealCommand& command) {
  auto work = std::make_unique<batching::SealRequest>();
  work->caller = request.caller->id();
  work->deadline = request.deadline;
  work->key_id = request.named.key->id;
  work->purpose = PurposeOf(request.spec.operation);
  work->keep_secrets = GivesPlaintext(request, command);
  work->items = EngineItems(request, command);
  return work;
}

SealResult ToResult(const Request& request, bool with_plaintext,
                    batching::SealRequest& sealed) {
  SealResult result;
  result.key_name = request.named.key->name;
  result.items.resize(sealed.items.size());
  for (size_t i = 0; i < sealed.items.size(); ++i) {
    batching::SealItem& from = sealed.items[i];
    SealedItem& to = result.items[i];
    to.status = std::move(from.status);
    if (!to.status.ok()) continue;
    to.header = std::move(from.header);
    to.leaf = std::move(from.leaf);
    to.key_version = from.key_version;
    if (with_plaintext) to.dek = std::move(from.secret);
  }
  return result;
}

void Seal(const ServiceParts& parts, std::shared_ptr<Request> request,
          SealCommand command, Done<SealResult> finish) {
  if (Status rule = CheckRegistrationRule(*request, command); !rule.ok()) {
    return finish(rule);
  }
  if (command.registers) {
    return SealAndRegister(parts, std::move(request), std::move(command),
                           std::move(finish));
  }
  auto work = MakeSealRequest(*request, command);
  work->done = [&keyring = parts.keyring, request, finish = std::move(finish)](
                   std::unique_ptr<batching::SealRequest> sealed) {
    SealResult result = ToResult(*request, sealed->keep_secrets, *sealed);
    const Status counted =
        CountIssued(keyring, request->named.key->id, result.items);
    if (!counted.ok()) return finish(counted);
    finish(Concluded(*request, std::move(result), sealed->cost));
  };
  parts.engine.Seal(std::move(work));
}

}  // namespace strongroom::service
