// Between protobuf messages and the types of client.h.
#pragma once

#include "google/protobuf/duration.pb.h"
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

inline void SetBytes(ByteView bytes, std::string* field) {
  field->assign(AsText(bytes));
}

void SetDuration(std::chrono::milliseconds duration,
                 google::protobuf::Duration* out);

KeyVersion FromWire(const v1::KeyVersion& version);
Key FromWire(const v1::Key& key);
TokenObject FromWire(const v1::TokenObject& object);
ServiceStatus FromWire(const v1::GetStatusResponse& status);

}  // namespace strongroom::client
