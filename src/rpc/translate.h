// Translation between protobuf messages and the service's types. Nothing is
// decided here: what the service can judge, it judges. Refused is only what
// cannot be said in the service's types, or would cost memory to say.
//
// Request messages give up their secrets (moved to SecretBytes and wiped);
// answer messages that hold secrets are wiped by WipeSecrets once serialised.
#pragma once

#include <string_view>

#include "strongroom/service/key_service.h"
#include "strongroom/v1/key_admin.pb.h"
#include "strongroom/v1/key_service.pb.h"

namespace strongroom::rpc {

// ToCommand fails REQUEST_TOO_LARGE for more items than a batch may have.
StatusOr<service::SealCommand> ToCommand(v1::EncryptRequest* request);
StatusOr<service::SealCommand> ToCommand(v1::WrapRequest* request);
StatusOr<service::SealCommand> ToCommand(v1::GenerateDataKeyRequest* request);
StatusOr<service::SealCommand> ToCommand(v1::BatchEncryptRequest* request);
StatusOr<service::SealCommand> ToCommand(v1::BatchWrapRequest* request);
StatusOr<service::SealCommand> ToCommand(
    v1::BatchGenerateDataKeysRequest* request);
StatusOr<service::OpenCommand> ToCommand(v1::DecryptRequest* request);
StatusOr<service::OpenCommand> ToCommand(v1::UnwrapRequest* request);
StatusOr<service::OpenCommand> ToCommand(v1::BatchDecryptRequest* request);
StatusOr<service::OpenCommand> ToCommand(v1::BatchUnwrapRequest* request);
StatusOr<service::RewrapCommand> ToCommand(v1::RewrapRequest* request);
StatusOr<service::RewrapCommand> ToCommand(v1::BatchRewrapRequest* request);

// AnswerShape is what of the request the answer's form depends on.
struct AnswerShape {
  bool compact = false;
  std::string_view request_id;
};

// ToAnswer of a unary form fails as its one item did.
Status ToAnswer(const AnswerShape& shape, const service::SealResult& result,
                v1::EncryptResponse* response);
Status ToAnswer(const AnswerShape& shape, const service::SealResult& result,
                v1::WrapResponse* response);
Status ToAnswer(const AnswerShape& shape, const service::SealResult& result,
                v1::GenerateDataKeyResponse* response);
Status ToAnswer(const AnswerShape& shape, const service::OpenResult& result,
                v1::DecryptResponse* response);
Status ToAnswer(const AnswerShape& shape, const service::OpenResult& result,
                v1::UnwrapResponse* response);
Status ToAnswer(const AnswerShape& shape, const service::OpenResult& result,
                v1::BatchDecryptResponse* response);
Status ToAnswer(const AnswerShape& shape, const service::OpenResult& result,
                v1::BatchUnwrapResponse* response);
Status ToAnswer(const AnswerShape& shape, const service::RewrapResult& result,
                v1::RewrapResponse* response);
Status ToAnswer(const AnswerShape& shape, const service::RewrapResult& result,
                v1::BatchRewrapResponse* response);

// CompactOf reads `compact` where the request has it.
template <typename Request>
bool CompactOf(const Request& request) {
  if constexpr (requires { request.compact(); }) {
    return request.compact();
  } else {
    return false;
  }
}

// WipeSecrets wipes the plaintext fields of a message, in place.
template <typename Message>
void WipeSecrets(Message* message) {
  auto wipe = [](std::string* field) { WipeString(field); };
  if constexpr (requires { message->mutable_plaintext(); }) {
    if (!message->plaintext().empty()) wipe(message->mutable_plaintext());
  }
  if constexpr (requires { message->mutable_dek(); }) {
    if (!message->dek().empty()) wipe(message->mutable_dek());
  }
  if constexpr (requires { message->mutable_secret(); }) {
    if (!message->secret().empty()) wipe(message->mutable_secret());
  }
  if constexpr (requires { message->mutable_items()->begin(); }) {
    for (auto& item : *message->mutable_items()) WipeSecrets(&item);
  }
}

// Lifecycle. ARGUMENT_INVALID for durations that are not whole (seconds, or
// milliseconds for max_age) and for update masks that name nothing we know.
StatusOr<service::KeySettings> ToSettings(const v1::CreateKeyRequest& request);
StatusOr<keyring::KeyChange> ToChange(const v1::UpdateKeyRequest& request);

void FillKey(const service::KeyView& view, v1::Key* key);
// FillVersion fails INTERNAL if the view lacks the version that was moved.
Status FillVersion(const service::KeyView& view, uint32_t version,
                   v1::KeyVersion* out);
// FillTime: a Timestamp, whole microseconds.
void FillTime(WallTime time, google::protobuf::Timestamp* out);
void FillTraces(const keyring::Traces& traces, v1::Traces* out);
void FillDek(const registry::DekInfo& dek, v1::Dek* out);
void FillTokenObject(const keyring::OwnedObject& owned, v1::TokenObject* out);

}  // namespace strongroom::rpc
