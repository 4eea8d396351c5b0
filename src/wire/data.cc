#include "wire/data.h"

#include <string>
#include <utility>

#include "wire/fields.h"
#include "wire/status.h"

namespace strongroom::wire {
namespace {

using ContextField = google::protobuf::RepeatedPtrField<v1::ContextPair>;

model::Context ToContext(const ContextField& pairs) {
  model::Context context;
  context.reserve(pairs.size());
  for (const v1::ContextPair& pair : pairs) {
    context.emplace_back(pair.key(), pair.value());
  }
  return context;
}

// An item without pairs of its own takes the request's.
std::optional<model::Context> ToItemContext(const ContextField& pairs) {
  if (pairs.empty()) return std::nullopt;
  return ToContext(pairs);
}

Bytes CopyBytes(const std::string& field) { return ToBytes(AsBytes(field)); }

Status CheckCount(uint64_t count) {
  if (count <= model::kMaxBatchRequestItems) return OkStatus();
  return Error(Reason::kRequestTooLarge,
               "the request has " + std::to_string(count) +
                   " items; want at most " +
                   std::to_string(model::kMaxBatchRequestItems) +
                   ": send several requests");
}

model::DekAbout ToAbout(const v1::DekAbout& about) {
  return {Labels(about.labels().begin(), about.labels().end()),
          about.reference()};
}

// TakeRegistration copies what a request says about registering.
template <typename Request>
void TakeRegistration(const Request& request, model::SealCommand* command) {
  if constexpr (requires { request.register_(); }) {
    command->registers = request.register_();
    command->about = ToAbout(request.about());
    command->request_id = CopyBytes(request.request_id());
  }
}

template <typename Request>
model::SealCommand SealOne(Request* request, std::string* secret) {
  model::SealCommand command;
  command.key_name = request->name();
  command.context = ToContext(request->encryption_context());
  command.items.emplace_back().secret = TakeSecret(secret);
  TakeRegistration(*request, &command);
  return command;
}

template <typename Request, typename SecretOf>
StatusOr<model::SealCommand> SealMany(Request* request, SecretOf secret_of) {
  SR_RETURN_IF_ERROR(CheckCount(request->items_size()));
  model::SealCommand command;
  command.key_name = request->name();
  command.context = ToContext(request->encryption_context());
  command.items.reserve(request->items_size());
  for (auto& item : *request->mutable_items()) {
    model::SealInput& input = command.items.emplace_back();
    input.secret = TakeSecret(secret_of(&item));
    input.context = ToItemContext(item.encryption_context());
    if constexpr (requires { item.about(); }) {
      if (item.has_about()) input.about = ToAbout(item.about());
    }
  }
  TakeRegistration(*request, &command);
  return command;
}

template <typename Request>
model::OpenCommand OpenOne(const Request& request, const std::string& token) {
  model::OpenCommand command;
  command.key_name = request.name();
  command.context = ToContext(request.encryption_context());
  model::OpenInput& input = command.items.emplace_back();
  input.token = CopyBytes(token);
  if constexpr (requires { request.dek_id(); }) input.dek_id = request.dek_id();
  return command;
}

template <typename Request, typename TokenOf>
StatusOr<model::OpenCommand> OpenMany(const Request& request,
                                      TokenOf token_of) {
  SR_RETURN_IF_ERROR(CheckCount(request.items_size()));
  model::OpenCommand command;
  command.key_name = request.name();
  command.context = ToContext(request.encryption_context());
  command.items.reserve(request.items_size());
  for (const auto& item : request.items()) {
    model::OpenInput& input = command.items.emplace_back();
    input.token = CopyBytes(token_of(item));
    if constexpr (requires { item.dek_id(); }) input.dek_id = item.dek_id();
    input.context = ToItemContext(item.encryption_context());
  }
  return command;
}

// OnlyItem is the item of a unary form.
template <typename Result>
auto OnlyItem(const Result& result) -> StatusOr<decltype(&result.items[0])> {
  if (result.items.size() != 1) {
    return Error(Reason::kInternal, "a unary request was answered with " +
                                        std::to_string(result.items.size()) +
                                        " items; want 1");
  }
  SR_RETURN_IF_ERROR(result.items[0].status);
  return &result.items[0];
}

void SetToken(const model::SealedItem& item, std::string* token) {
  token->reserve(item.header->size() + item.leaf.size());
  SetBytes(*item.header, token);
  token->append(AsText(item.leaf));
}

template <typename Response>
Status OpenedAnswer(const AnswerShape& shape, const model::OpenResult& result,
                    Response* response) {
  response->mutable_items()->Reserve(static_cast<int>(result.items.size()));
  for (const model::OpenedItem& item : result.items) {
    v1::OpenedItem* out = response->add_items();
    if (!item.status.ok()) {
      Write(item.status, shape.request_id, out->mutable_status());
      continue;
    }
    out->set_name(item.key_name);
    out->set_key_version(item.key_version);
    SetBytes(item.secret.Expose(), out->mutable_secret());
  }
  return OkStatus();
}

}  // namespace

StatusOr<model::SealCommand> Read(v1::EncryptRequest* request) {
  return SealOne(request, request->mutable_plaintext());
}

StatusOr<model::SealCommand> Read(v1::WrapRequest* request) {
  return SealOne(request, request->mutable_dek());
}

StatusOr<model::SealCommand> Read(v1::GenerateDataKeyRequest* request) {
  model::SealCommand command;
  command.key_name = request->name();
  command.context = ToContext(request->encryption_context());
  command.items.resize(1);
  command.dek_bytes = request->dek_bytes();
  command.without_plaintext = request->without_plaintext();
  TakeRegistration(*request, &command);
  return command;
}

StatusOr<model::SealCommand> Read(v1::BatchEncryptRequest* request) {
  return SealMany(request,
                  [](auto* item) { return item->mutable_plaintext(); });
}

StatusOr<model::SealCommand> Read(v1::BatchWrapRequest* request) {
  return SealMany(request, [](auto* item) { return item->mutable_dek(); });
}

StatusOr<model::SealCommand> Read(v1::BatchGenerateDataKeysRequest* request) {
  SR_RETURN_IF_ERROR(CheckCount(request->count()));
  model::SealCommand command;
  command.key_name = request->name();
  command.context = ToContext(request->encryption_context());
  command.items.resize(request->count());
  command.dek_bytes = request->dek_bytes();
  command.without_plaintext = request->without_plaintext();
  TakeRegistration(*request, &command);
  return command;
}

StatusOr<model::OpenCommand> Read(v1::DecryptRequest* request) {
  return OpenOne(*request, request->ciphertext());
}

StatusOr<model::OpenCommand> Read(v1::UnwrapRequest* request) {
  return OpenOne(*request, request->wrapped_dek());
}

StatusOr<model::OpenCommand> Read(v1::BatchDecryptRequest* request) {
  return OpenMany(*request, [](const auto& item) -> const std::string& {
    return item.ciphertext();
  });
}

StatusOr<model::OpenCommand> Read(v1::BatchUnwrapRequest* request) {
  return OpenMany(*request, [](const auto& item) -> const std::string& {
    return item.wrapped_dek();
  });
}

StatusOr<model::RewrapCommand> Read(v1::RewrapRequest* request) {
  model::RewrapCommand command;
  command.key_name = request->name();
  command.tokens.push_back(CopyBytes(request->token()));
  return command;
}

StatusOr<model::RewrapCommand> Read(v1::BatchRewrapRequest* request) {
  SR_RETURN_IF_ERROR(CheckCount(request->tokens_size()));
  model::RewrapCommand command;
  command.key_name = request->name();
  command.tokens.reserve(request->tokens_size());
  for (const std::string& token : request->tokens()) {
    command.tokens.push_back(CopyBytes(token));
  }
  return command;
}

Status Write(const AnswerShape&, const model::SealResult& result,
             v1::EncryptResponse* response) {
  SR_ASSIGN_OR_RETURN(const model::SealedItem* item, OnlyItem(result));
  response->set_name(result.key_name);
  response->set_key_version(item->key_version);
  SetToken(*item, response->mutable_ciphertext());
  return OkStatus();
}

Status Write(const AnswerShape&, const model::SealResult& result,
             v1::WrapResponse* response) {
  SR_ASSIGN_OR_RETURN(const model::SealedItem* item, OnlyItem(result));
  response->set_name(result.key_name);
  response->set_key_version(item->key_version);
  SetToken(*item, response->mutable_wrapped_dek());
  if (item->id.has_value()) response->set_dek_id(item->id->ToString());
  return OkStatus();
}

Status Write(const AnswerShape&, const model::SealResult& result,
             v1::GenerateDataKeyResponse* response) {
  SR_ASSIGN_OR_RETURN(const model::SealedItem* item, OnlyItem(result));
  response->set_name(result.key_name);
  response->set_key_version(item->key_version);
  SetToken(*item, response->mutable_wrapped_dek());
  if (item->id.has_value()) response->set_dek_id(item->id->ToString());
  if (!item->dek.empty()) {
    SetBytes(item->dek.Expose(), response->mutable_dek());
  }
  return OkStatus();
}

Status Write(const AnswerShape&, const model::OpenResult& result,
             v1::DecryptResponse* response) {
  SR_ASSIGN_OR_RETURN(const model::OpenedItem* item, OnlyItem(result));
  response->set_name(item->key_name);
  response->set_key_version(item->key_version);
  SetBytes(item->secret.Expose(), response->mutable_plaintext());
  return OkStatus();
}

Status Write(const AnswerShape&, const model::OpenResult& result,
             v1::UnwrapResponse* response) {
  SR_ASSIGN_OR_RETURN(const model::OpenedItem* item, OnlyItem(result));
  response->set_name(item->key_name);
  response->set_key_version(item->key_version);
  SetBytes(item->secret.Expose(), response->mutable_dek());
  return OkStatus();
}

Status Write(const AnswerShape& shape, const model::OpenResult& result,
             v1::BatchDecryptResponse* response) {
  return OpenedAnswer(shape, result, response);
}

Status Write(const AnswerShape& shape, const model::OpenResult& result,
             v1::BatchUnwrapResponse* response) {
  return OpenedAnswer(shape, result, response);
}

Status Write(const AnswerShape&, const model::RewrapResult& result,
             v1::RewrapResponse* response) {
  SR_ASSIGN_OR_RETURN(const model::RewrappedItem* item, OnlyItem(result));
  response->set_name(item->key_name);
  response->set_key_version(item->key_version);
  response->set_previous_key_version(item->previous_key_version);
  SetBytes(item->token, response->mutable_token());
  return OkStatus();
}

Status Write(const AnswerShape& shape, const model::RewrapResult& result,
             v1::BatchRewrapResponse* response) {
  response->mutable_items()->Reserve(static_cast<int>(result.items.size()));
  for (const model::RewrappedItem& item : result.items) {
    v1::BatchRewrapResponse::Item* out = response->add_items();
    if (!item.status.ok()) {
      Write(item.status, shape.request_id, out->mutable_status());
      continue;
    }
    out->set_name(item.key_name);
    out->set_key_version(item.key_version);
    out->set_previous_key_version(item.previous_key_version);
    SetBytes(item.token, out->mutable_token());
  }
  return OkStatus();
}

}  // namespace strongroom::wire
