// Between protobuf messages and the types of client.h.
#pragma once

#include "google/protobuf/duration.pb.h"
#include "strongroom/base/names.h"
#include "strongroom/client/client.h"
#include "strongroom/v1/key_admin.pb.h"

namespace strongroom::client {

// FillContext adds the pairs to a request's encryption_context.
template <typename Request>
void FillContext(const Context& context, Request* request) {
  for (const auto& [key, value] : context) {
    auto* pair = request->add_encryption_context();
    pair->set_key(key);
    pair->set_value(value);
  }
}

// FillRegistering sets register, about and request_id.
template <typename Request>
void FillRegistering(const std::optional<Registering>& registering,
                     Request* request) {
  if (!registering.has_value()) return;
  request->set_register_(true);
  const DekAbout& about = registering->about;
  request->mutable_about()->mutable_labels()->insert(about.labels.begin(),
                                                     about.labels.end());
  request->mutable_about()->set_reference(about.reference);
  request->set_request_id(std::string(AsText(
      registering->request_id.empty() ? ByteView(Uuid::Random().array())
                                      : ByteView(registering->request_id))));
}

inline void SetBytes(ByteView bytes, std::string* field) {
  field->assign(AsText(bytes));
}

void SetDuration(std::chrono::milliseconds duration,
                 google::protobuf::Duration* out);

KeyVersion FromWire(const v1::KeyVersion& version);
Key FromWire(const v1::Key& key);
CensusVersion FromWire(const v1::Census::Version& version);
Dek FromWire(const v1::Dek& dek);
Job FromWire(const v1::Job& job);
TokenObject FromWire(const v1::TokenObject& object);
ServiceStatus FromWire(const v1::GetStatusResponse& status);

}  // namespace strongroom::client
