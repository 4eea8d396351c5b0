// The data plane's requests and answers between messages and model/. Nothing is
// decided here: what the service can judge, it judges.
//
// Requests give up their secrets: moved to SecretBytes, and wiped.
#pragma once

#include <optional>
#include <string_view>

#include "strongroom/base/names.h"
#include "strongroom/model/data.h"
#include "strongroom/v1/key_service.pb.h"

namespace strongroom::wire {

// Read fails REQUEST_TOO_LARGE for more items than a batch may have, which
// would cost memory to say.
StatusOr<model::SealCommand> Read(v1::EncryptRequest* request);
StatusOr<model::SealCommand> Read(v1::WrapRequest* request);
StatusOr<model::SealCommand> Read(v1::GenerateDataKeyRequest* request);
StatusOr<model::SealCommand> Read(v1::BatchEncryptRequest* request);
StatusOr<model::SealCommand> Read(v1::BatchWrapRequest* request);
StatusOr<model::SealCommand> Read(v1::BatchGenerateDataKeysRequest* request);
StatusOr<model::OpenCommand> Read(v1::DecryptRequest* request);
StatusOr<model::OpenCommand> Read(v1::UnwrapRequest* request);
StatusOr<model::OpenCommand> Read(v1::BatchDecryptRequest* request);
StatusOr<model::OpenCommand> Read(v1::BatchUnwrapRequest* request);
StatusOr<model::RewrapCommand> Read(v1::RewrapRequest* request);
StatusOr<model::RewrapCommand> Read(v1::BatchRewrapRequest* request);

// AnswerShape is what of the request the answer's form depends on.
struct AnswerShape {
  bool compact = false;
  std::string_view request_id;
};

// Write of a unary form fails as its one item did.
Status Write(const AnswerShape& shape, const model::SealResult& result,
             v1::EncryptResponse* response);
Status Write(const AnswerShape& shape, const model::SealResult& result,
             v1::WrapResponse* response);
Status Write(const AnswerShape& shape, const model::SealResult& result,
             v1::GenerateDataKeyResponse* response);
Status Write(const AnswerShape& shape, const model::OpenResult& result,
             v1::DecryptResponse* response);
Status Write(const AnswerShape& shape, const model::OpenResult& result,
             v1::UnwrapResponse* response);
Status Write(const AnswerShape& shape, const model::OpenResult& result,
             v1::BatchDecryptResponse* response);
Status Write(const AnswerShape& shape, const model::OpenResult& result,
             v1::BatchUnwrapResponse* response);
Status Write(const AnswerShape& shape, const model::RewrapResult& result,
             v1::RewrapResponse* response);
Status Write(const AnswerShape& shape, const model::RewrapResult& result,
             v1::BatchRewrapResponse* response);

// WriteContext adds the pairs to a request's encryption_context.
template <typename Request, typename Pairs>
void WriteContext(const Pairs& context, Request* request) {
  for (const auto& [key, value] : context) {
    auto* pair = request->add_encryption_context();
    pair->set_key(key);
    pair->set_value(value);
  }
}

// WriteRegistration sets register, about and request_id of a request; a new
// random id if `request_id` is empty.
template <typename Request>
void WriteRegistration(const model::DekAbout& about, ByteView request_id,
                       Request* request) {
  request->set_register_(true);
  request->mutable_about()->mutable_labels()->insert(about.labels.begin(),
                                                     about.labels.end());
  request->mutable_about()->set_reference(about.reference);
  request->set_request_id(std::string(AsText(
      request_id.empty() ? ByteView(Uuid::Random().array()) : request_id)));
}

}  // namespace strongroom::wire
