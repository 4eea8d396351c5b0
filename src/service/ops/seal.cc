#include "service/ops/seal.h"

#include <utility>

#include "service/limits.h"
#include "service/ops/register.h"
#include "service/row.h"
#include "service/traces.h"
#include "strongroom/base/random.h"

namespace strongroom::service::ops {
namespace {

constexpr uint32_t kDefaultDekBytes = 32;

uint32_t DekBytes(const model::SealCommand& command) {
  return command.dek_bytes == 0 ? kDefaultDekBytes : command.dek_bytes;
}

SecretBytes DrawDek(uint32_t size) {
  SecretBytes dek(size);
  // A DEK is drawn at the moment it is asked for: see FillRandom.
  FillRandom(dek.ExposeMutable());
  return dek;
}

size_t WeightOf(const model::SealCommand& command) {
  size_t bytes = service::WeightOf(command.context);
  for (const model::SealInput& item : command.items) {
    bytes += item.secret.size();
    if (item.context.has_value()) bytes += service::WeightOf(*item.context);
  }
  return bytes;
}

std::vector<batching::SealItem> EngineItems(const Request& request,
                                            model::SealCommand& command) {
  const envelope::Purpose purpose = PurposeOf(request.spec);
  const Contexts contexts(command.context);
  std::vector<batching::SealItem> items(command.items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    model::SealInput& input = command.items[i];
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

// Its failures are the whole request's.
StatusOr<Target> ResolveSeal(const Resolver&, Request& request,
                             model::SealCommand& command) {
  request.record.items = static_cast<uint32_t>(command.items.size());
  request.record.key = command.key_name;
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

}  // namespace

bool GeneratesDeks(const Request& request) {
  return request.spec.action == auth::Action::kGenerateDataKey;
}

bool GivesPlaintext(const Request& request, const model::SealCommand& command) {
  return GeneratesDeks(request) && !command.without_plaintext;
}

std::unique_ptr<batching::SealRequest> MakeSealRequest(
    const auth::Permit& permit, const Request& request,
    model::SealCommand& command) {
  auto work = std::make_unique<batching::SealRequest>();
  work->caller = permit.caller().id();
  work->deadline = request.deadline;
  work->key_id = permit.key_id();
  work->purpose = PurposeOf(request.spec);
  work->keep_secrets = GivesPlaintext(request, command);
  work->items = EngineItems(request, command);
  return work;
}

model::SealResult ToResult(const Request& request, bool with_plaintext,
                           batching::SealRequest& sealed) {
  model::SealResult result;
  result.key_name = request.key().name;
  result.items.resize(sealed.items.size());
  for (size_t i = 0; i < sealed.items.size(); ++i) {
    batching::SealItem& from = sealed.items[i];
    model::SealedItem& to = result.items[i];
    to.status = std::move(from.status);
    if (!to.status.ok()) continue;
    to.header = std::move(from.header);
    to.leaf = std::move(from.leaf);
    to.key_version = from.key_version;
    if (with_plaintext) to.dek = std::move(from.secret);
  }
  return result;
}

void Seal(const auth::Permit& permit, std::shared_ptr<Request> request,
          model::SealCommand command, Done<model::SealResult> finish) {
  if (Status rule = CheckRegistrationRule(*request, command); !rule.ok()) {
    return finish(rule);
  }
  if (command.registers) {
    return SealAndRegister(permit, std::move(request), std::move(command),
                           std::move(finish));
  }
  auto work = MakeSealRequest(permit, *request, command);
  batching::Engine& engine = request->rooms.engine(permit);
  // The request keeps its permit.
  work->done = [&permit, request = std::move(request),
                finish = std::move(finish)](
                   std::unique_ptr<batching::SealRequest> sealed) {
    model::SealResult result =
        ToResult(*request, sealed->keep_secrets, *sealed);
    const Status counted =
        CountIssued(request->rooms.keyring(permit), permit, result.items);
    if (!counted.ok()) return finish(counted);
    finish(Concluded(*request, std::move(result), sealed->cost));
  };
  engine.Seal(std::move(work));
}

using auth::Action;

constexpr Sealing kEncrypt = {
    .spec = {"Encrypt", kKeyService, Action::kEncrypt, OperationClass::kUnary},
    .resolve = ResolveSeal,
    .begin = Seal};
constexpr Sealing kWrap = {
    .spec = {"Wrap", kKeyService, Action::kWrap, OperationClass::kUnary},
    .resolve = ResolveSeal,
    .begin = Seal};
constexpr Sealing kGenerateDataKey = {
    .spec = {"GenerateDataKey", kKeyService, Action::kGenerateDataKey,
             OperationClass::kUnary},
    .resolve = ResolveSeal,
    .begin = Seal};
constexpr Sealing kBatchEncrypt = {
    .spec = {"BatchEncrypt", kKeyService, Action::kEncrypt,
             OperationClass::kBatch},
    .resolve = ResolveSeal,
    .begin = Seal};
constexpr Sealing kBatchWrap = {
    .spec = {"BatchWrap", kKeyService, Action::kWrap, OperationClass::kBatch},
    .resolve = ResolveSeal,
    .begin = Seal};
constexpr Sealing kBatchGenerateDataKeys = {
    .spec = {"BatchGenerateDataKeys", kKeyService, Action::kGenerateDataKey,
             OperationClass::kBatch},
    .resolve = ResolveSeal,
    .begin = Seal};

constexpr Row kRows[] = {
    MakeRow<kEncrypt, v1::EncryptRequest, v1::EncryptResponse>(),
    MakeRow<kWrap, v1::WrapRequest, v1::WrapResponse>(),
    MakeRow<kGenerateDataKey, v1::GenerateDataKeyRequest,
            v1::GenerateDataKeyResponse>(),
    MakeRow<kBatchEncrypt, v1::BatchEncryptRequest, v1::BatchEncryptResponse>(),
    MakeRow<kBatchWrap, v1::BatchWrapRequest, v1::BatchWrapResponse>(),
    MakeRow<kBatchGenerateDataKeys, v1::BatchGenerateDataKeysRequest,
            v1::BatchGenerateDataKeysResponse>()};
std::span<const Row> SealRows() { return kRows; }

}  // namespace strongroom::service::ops
