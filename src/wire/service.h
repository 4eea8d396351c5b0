// The token, the service itself and its callers between messages and model/.
#pragma once

#include <vector>

#include "strongroom/model/identity.h"
#include "strongroom/model/requests.h"
#include "strongroom/model/service_status.h"
#include "strongroom/model/token_object.h"
#include "strongroom/v1/key_admin.pb.h"

namespace strongroom::wire {

inline model::Nothing Read(const v1::ListTokenObjectsRequest&) { return {}; }
inline model::Nothing Read(const v1::GetSigningKeyRequest&) { return {}; }
inline model::Nothing Read(const v1::GetStatusRequest&) { return {}; }
inline model::Nothing Read(const v1::WhoAmIRequest&) { return {}; }

// Texts of foreign objects that are not UTF-8 are written as "hex:...".
void Write(const std::vector<model::TokenObject>& objects,
           v1::ListTokenObjectsResponse* out);
// INTERNAL for an id that is not hex.
StatusOr<std::vector<model::TokenObject>> Read(
    const v1::ListTokenObjectsResponse& objects);
void Write(const model::SigningKey& key, v1::SigningKey* out);
model::SigningKey Read(const v1::SigningKey& key);
void Write(const model::ServiceStatus& status, v1::GetStatusResponse* out);
model::ServiceStatus Read(const v1::GetStatusResponse& status);
void Write(const model::Identity& identity, v1::WhoAmIResponse* out);
model::Identity Read(const v1::WhoAmIResponse& identity);

}  // namespace strongroom::wire
