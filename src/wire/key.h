// Keys and their versions between messages and model/.
//
// Read of a request is ARGUMENT_INVALID for what cannot be said in the model:
// durations that are not whole, masks that name no setting, unknown rules. Read
// of an answer takes what a later service may send: a state or a rule of a
// number that is not known here keeps its number.
#pragma once

#include <vector>

#include "strongroom/model/key.h"
#include "strongroom/model/requests.h"
#include "strongroom/v1/key_admin.pb.h"

namespace strongroom::wire {

StatusOr<model::CreateKey> Read(const v1::CreateKeyRequest& request);
StatusOr<model::UpdateKey> Read(const v1::UpdateKeyRequest& request);
void Write(const model::CreateKey& request, v1::CreateKeyRequest* out);
void Write(const model::UpdateKey& request, v1::UpdateKeyRequest* out);

inline model::OfKey Read(const v1::GetKeyRequest& request) {
  return {request.name()};
}
inline model::OfKey Read(const v1::RotateKeyRequest& request) {
  return {request.name()};
}
inline model::OfKey Read(const v1::GetKeyUsageRequest& request) {
  return {request.name()};
}
inline model::ListKeys Read(const v1::ListKeysRequest& request) {
  return {request.prefix(), request.page_size(), request.page_token()};
}
inline model::MoveVersion Read(const v1::EnableVersionRequest& request) {
  return {request.name(), request.version()};
}
inline model::MoveVersion Read(const v1::DisableVersionRequest& request) {
  return {request.name(), request.version()};
}
inline model::MoveVersion Read(
    const v1::ScheduleDestroyVersionRequest& request) {
  return {request.name(), request.version(),
          request.acknowledge_unregistered()};
}
inline model::MoveVersion Read(const v1::CancelDestroyVersionRequest& request) {
  return {request.name(), request.version()};
}

void Write(const model::Key& key, v1::Key* out);
StatusOr<model::Key> Read(const v1::Key& key);
// The versions alone.
void Write(const model::Key& key, v1::KeyUsage* out);
StatusOr<std::vector<model::Version>> Read(const v1::KeyUsage& usage);
void Write(const model::KeyPage& page, v1::ListKeysResponse* out);
StatusOr<model::KeyPage> Read(const v1::ListKeysResponse& page);
void Write(const model::MovedVersion& version, v1::KeyVersion* out);
StatusOr<model::MovedVersion> Read(const v1::KeyVersion& version);

void Write(const model::Traces& traces, v1::Traces* out);
// Read leaves the version to the caller, who knows it.
model::Traces Read(const v1::Traces& traces);

}  // namespace strongroom::wire
