#include <string>
#include <utility>

#include "rpc/errors.h"
#include "rpc/translate.h"

namespace strongroom::rpc {
namespace {

using ContextField = google::protobuf::RepeatedPtrField<v1::ContextPair>;

service::Context ToContext(const ContextField& pairs) {
  service::Context context;
  context.reserve(pairs.size());
  for (const v1::ContextPair& pair : pairs) {
    context.emplace_back(pair.key(), pair.value());
  }
  return context;
}

// An item without pairs of its own takes the request's.
std::optional<service::Context> ToItemContext(const ContextField& pairs) {
  if (pairs.empty()) return std::nullopt;
  return ToContext(pairs);
}

SecretBytes TakeSecret(std::string* field) {
  SecretBytes secret = SecretBytes::CopyOf(AsBytes(*field));
  WipeString(field);
  return secret;
}

Bytes CopyBytes(const std::string& field) { return ToBytes(AsBytes(field)); }

void SetBytes(ByteView bytes, std::string* field) {
  field->assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Status CheckCount(uint64_t count) {
  if (count <= service::kMaxBatchRequestItems) return OkStatus();
  return Error(Reason::kRequestTooLarge,
               "the request has " + std::to_string(count) +
                   " items; want at most " +
                   std::to_string(service::kMaxBatchRequestItems) +
                   ": send several requests");
}

service::DekAbout ToAbout(const v1::DekAbout& about) {
  return {Labels(about.labels().begin(), about.labels().end()),
          about.reference()};
}

// TakeRegistration copies what a request says about registering.
template <typename Request>
void TakeRegistration(const Request& request, service::SealCommand* command) {
  if constexpr (requires { request.register_(); }) {
    command->registers = request.register_();
    command->about = ToAbout(request.about());
    command->request_id = CopyBytes(request.request_id());
  }
}

template <typename Request>
service::SealCommand SealOne(Request* request, std::string* secret) {
  service::SealCommand command;
  command.key_name = request->name();
  command.context = ToContext(request->encryption_context());
  command.items.emplace_back().secret = TakeSecret(secret);
  TakeRegistration(*request, &command);
  return command;
}

template <typename Request, typename SecretOf>
StatusOr<service::SealCommand> SealMany(Request* request, SecretOf secret_of) {
  SR_RETURN_IF_ERROR(CheckCount(request->items_size()));
  service::SealCommand command;
  command.key_name = request->name();
  command.context = ToContext(request->encryption_context());
  command.items.reserve(request->items_size());
  for (auto& item : *request->mutable_items()) {
    service::SealInput& input = command.items.emplace_back();
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
service::OpenCommand OpenOne(const Request& request, const std::string& token) {
  service::OpenCommand command;
  command.key_name = request.name();
  command.context = ToContext(request.encryption_context());
  service::OpenInput& input = command.items.emplace_back();
  input.token = CopyBytes(token);
  if constexpr (requires { request.dek_id(); }) input.dek_id = request.dek_id();
  return command;
}

template <typename Request, typename TokenOf>
StatusOr<service::OpenCommand> OpenMany(const Request& request,
                                        TokenOf token_of) {
  SR_RETURN_IF_ERROR(CheckCount(request.items_size()));
  service::OpenCommand command;
  command.key_name = request.name();
  command.context = ToContext(request.encryption_context());
  command.items.reserve(request.items_size());
  for (const auto& item : request.items()) {
    service::OpenInput& input = command.items.emplace_back();
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

void SetToken(const service::SealedItem& item, std::string* token) {
  token->reserve(item.header->size() + item.leaf.size());
  SetBytes(*item.header, token);
  token->append(AsText(item.leaf));
}

template <typename Response>
Status OpenedAnswer(const AnswerShape& shape, const service::OpenResult& result,
                    Response* response) {
  response->mutable_items()->Reserve(static_cast<int>(result.items.size()));
  for (const service::OpenedItem& item : result.items) {
    v1::OpenedItem* out = response->add_items();
    if (!item.status.ok()) {
      FillItemStatus(item.status, shape.request_id, out->mutable_status());
      continue;
    }
    out->set_name(item.key_name);
    out->set_key_version(item.key_version);
    SetBytes(item.secret.Expose(), out->mutable_secret());
  }
  return OkStatus();
}

}  // namespace

StatusOr<service::SealCommand> ToCommand(v1::EncryptRequest* request) {
  return SealOne(request, request->mutable_plaintext());
}

StatusOr<service::SealCommand> ToCommand(v1::WrapRequest* request) {
  return SealOne(request, request->mutable_dek());
}

StatusOr<service::SealCommand> ToCommand(v1::GenerateDataKeyRequest* request) {
  service::SealCommand command;
  command.key_name = request->name();
  command.context = ToContext(request->encryption_context());
  command.items.resize(1);
  command.dek_bytes = request->dek_bytes();
  command.without_plaintext = request->without_plaintext();
  TakeRegistration(*request, &command);
  return command;
}

StatusOr<service::SealCommand> ToCommand(v1::BatchEncryptRequest* request) {
  return SealMany(request,
                  [](auto* item) { return item->mutable_plaintext(); });
}

StatusOr<service::SealCommand> ToCommand(v1::BatchWrapRequest* request) {
  return SealMany(request, [](auto* item) { return item->mutable_dek(); });
}

StatusOr<service::SealCommand> ToCommand(
    v1::BatchGenerateDataKeysRequest* request) {
  SR_RETURN_IF_ERROR(CheckCount(request->count()));
  service::SealCommand command;
  command.key_name = request->name();
  command.context = ToContext(request->encryption_context());
  command.items.resize(request->count());
  command.dek_bytes = request->dek_bytes();
  command.without_plaintext = request->without_plaintext();
  TakeRegistration(*request, &command);
  return command;
}

StatusOr<service::OpenCommand> ToCommand(v1::DecryptRequest* request) {
  return OpenOne(*request, request->ciphertext());
}

StatusOr<service::OpenCommand> ToCommand(v1::UnwrapRequest* request) {
  return OpenOne(*request, request->wrapped_dek());
}

StatusOr<service::OpenCommand> ToCommand(v1::BatchDecryptRequest* request) {
  return OpenMany(*request, [](const auto& item) -> const std::string& {
    return item.ciphertext();
  });
}

StatusOr<service::OpenCommand> ToCommand(v1::BatchUnwrapRequest* request) {
  return OpenMany(*request, [](const auto& item) -> const std::string& {
    return item.wrapped_dek();
  });
}

StatusOr<service::RewrapCommand> ToCommand(v1::RewrapRequest* request) {
  service::RewrapCommand command;
  command.key_name = request->name();
  command.tokens.push_back(CopyBytes(request->token()));
  return command;
}

StatusOr<service::RewrapCommand> ToCommand(v1::BatchRewrapRequest* request) {
  SR_RETURN_IF_ERROR(CheckCount(request->tokens_size()));
  service::RewrapCommand command;
  command.key_name = request->name();
  command.tokens.reserve(request->tokens_size());
  for (const std::string& token : request->tokens()) {
    command.tokens.push_back(CopyBytes(token));
  }
  return command;
}

Status ToAnswer(const AnswerShape&, const service::SealResult& result,
                v1::EncryptResponse* response) {
  SR_ASSIGN_OR_RETURN(const service::SealedItem* item, OnlyItem(result));
  response->set_name(result.key_name);
  response->set_key_version(item->key_version);
  SetToken(*item, response->mutable_ciphertext());
  return OkStatus();
}

Status ToAnswer(const AnswerShape&, const service::SealResult& result,
                v1::WrapResponse* response) {
  SR_ASSIGN_OR_RETURN(const service::SealedItem* item, OnlyItem(result));
  response->set_name(result.key_name);
  response->set_key_version(item->key_version);
  SetToken(*item, response->mutable_wrapped_dek());
  if (item->id.has_value()) response->set_dek_id(item->id->ToString());
  return OkStatus();
}

Status ToAnswer(const AnswerShape&, const service::SealResult& result,
                v1::GenerateDataKeyResponse* response) {
  SR_ASSIGN_OR_RETURN(const service::SealedItem* item, OnlyItem(result));
  response->set_name(result.key_name);
  response->set_key_version(item->key_version);
  SetToken(*item, response->mutable_wrapped_dek());
  if (item->id.has_value()) response->set_dek_id(item->id->ToString());
  if (!item->dek.empty()) {
    SetBytes(item->dek.Expose(), response->mutable_dek());
  }
  return OkStatus();
}

Status ToAnswer(const AnswerShape&, const service::OpenResult& result,
                v1::DecryptResponse* response) {
  SR_ASSIGN_OR_RETURN(const service::OpenedItem* item, OnlyItem(result));
  response->set_name(item->key_name);
  response->set_key_version(item->key_version);
  SetBytes(item->secret.Expose(), response->mutable_plaintext());
  return OkStatus();
}

Status ToAnswer(const AnswerShape&, const service::OpenResult& result,
                v1::UnwrapResponse* response) {
  SR_ASSIGN_OR_RETURN(const service::OpenedItem* item, OnlyItem(result));
  response->set_name(item->key_name);
  response->set_key_version(item->key_version);
  SetBytes(item->secret.Expose(), response->mutable_dek());
  return OkStatus();
}

Status ToAnswer(const AnswerShape& shape, const service::OpenResult& result,
                v1::BatchDecryptResponse* response) {
  return OpenedAnswer(shape, result, response);
}

Status ToAnswer(const AnswerShape& shape, const service::OpenResult& result,
                v1::BatchUnwrapResponse* response) {
  return OpenedAnswer(shape, result, response);
}

Status ToAnswer(const AnswerShape&, const service::RewrapResult& result,
                v1::RewrapResponse* response) {
  SR_ASSIGN_OR_RETURN(const service::RewrappedItem* item, OnlyItem(result));
  response->set_name(item->key_name);
  response->set_key_version(item->key_version);
  response->set_previous_key_version(item->previous_key_version);
  SetBytes(item->token, response->mutable_token());
  return OkStatus();
}

Status ToAnswer(const AnswerShape& shape, const service::RewrapResult& result,
                v1::BatchRewrapResponse* response) {
  response->mutable_items()->Reserve(static_cast<int>(result.items.size()));
  for (const service::RewrappedItem& item : result.items) {
    v1::BatchRewrapResponse::Item* out = response->add_items();
    if (!item.status.ok()) {
      FillItemStatus(item.status, shape.request_id, out->mutable_status());
      continue;
    }
    out->set_name(item.key_name);
    out->set_key_version(item.key_version);
    out->set_previous_key_version(item.previous_key_version);
    SetBytes(item.token, out->mutable_token());
  }
  return OkStatus();
}

}  // namespace strongroom::rpc
