#include "client/convert.h"
#include "client/grpc_client.h"

namespace strongroom::client {
namespace {

using AdminStub = v1::KeyAdmin::StubInterface;

// The batch policy is one field on the wire: a change of half of it needs the
// other half.
bool ChangesHalfThePolicy(const KeySettings& change) {
  return change.max_items.has_value() != change.max_age.has_value();
}

void FillPolicy(const KeySettings& settings, v1::BatchPolicy* policy) {
  if (settings.max_items.has_value()) {
    policy->set_max_items(*settings.max_items);
  }
  if (settings.max_age.has_value()) {
    SetDuration(*settings.max_age, policy->mutable_max_age());
  }
}

template <typename Message>
void FillSettings(const KeySettings& settings, Message* out) {
  if (settings.labels.has_value()) {
    out->mutable_labels()->insert(settings.labels->begin(),
                                  settings.labels->end());
  }
  // No period on the wire means "not by time", which 0 means here.
  if (settings.rotation_period.value_or(std::chrono::seconds(0)).count() != 0) {
    SetDuration(*settings.rotation_period, out->mutable_rotation_period());
  }
  if (settings.max_items.has_value() || settings.max_age.has_value()) {
    FillPolicy(settings, out->mutable_batch_policy());
  }
  if (settings.destroy_after.has_value()) {
    SetDuration(*settings.destroy_after,
                out->mutable_destroy_scheduled_duration());
  }
  v1::Registration registration = v1::REGISTRATION_UNSPECIFIED;
  if (settings.registration.has_value() &&
      v1::Registration_Parse(*settings.registration, &registration)) {
    out->set_registration(registration);
  }
  out->set_rewrap_on_rotation(settings.rewrap_on_rotation.value_or(false));
  // As with the period.
  if (settings.retire_after.value_or(std::chrono::seconds(0)).count() != 0) {
    SetDuration(*settings.retire_after, out->mutable_retire_after());
  }
}

void FillMask(const KeySettings& change, google::protobuf::FieldMask* mask) {
  if (change.labels.has_value()) mask->add_paths("labels");
  if (change.rotation_period.has_value()) mask->add_paths("rotation_period");
  if (change.max_items.has_value() || change.max_age.has_value()) {
    mask->add_paths("batch_policy");
  }
  if (change.destroy_after.has_value()) {
    mask->add_paths("destroy_scheduled_duration");
  }
  if (change.registration.has_value()) mask->add_paths("registration");
  if (change.rewrap_on_rotation.has_value()) {
    mask->add_paths("rewrap_on_rotation");
  }
  if (change.retire_after.has_value()) mask->add_paths("retire_after");
}

}  // namespace

StatusOr<Key> GrpcClient::CreateKey(std::string_view name,
                                    const KeySettings& settings) {
  v1::CreateKeyRequest request;
  v1::Key response;
  request.set_name(std::string(name));
  FillSettings(settings, &request);
  SR_RETURN_IF_ERROR(Call(*admin_, &AdminStub::CreateKey, request, &response));
  return FromWire(response);
}

StatusOr<Key> GrpcClient::GetKey(std::string_view name) {
  v1::GetKeyRequest request;
  v1::Key response;
  request.set_name(std::string(name));
  SR_RETURN_IF_ERROR(Call(*admin_, &AdminStub::GetKey, request, &response));
  return FromWire(response);
}

StatusOr<std::vector<Key>> GrpcClient::ListKeys(std::string_view prefix) {
  v1::ListKeysRequest request;
  request.set_prefix(std::string(prefix));
  std::vector<Key> keys;
  while (true) {
    v1::ListKeysResponse response;
    SR_RETURN_IF_ERROR(Call(*admin_, &AdminStub::ListKeys, request, &response));
    for (const v1::Key& key : response.keys()) keys.push_back(FromWire(key));
    if (response.next_page_token().empty()) return keys;
    if (response.next_page_token() == request.page_token()) {
      return Error(Reason::kInternal,
                   "the service gives the same page of keys for ever");
    }
    request.set_page_token(response.next_page_token());
  }
}

StatusOr<Key> GrpcClient::UpdateKey(std::string_view name,
                                    const KeySettings& change) {
  KeySettings complete = change;
  if (ChangesHalfThePolicy(change)) {
    SR_ASSIGN_OR_RETURN(Key now, GetKey(name));
    if (!change.max_items.has_value()) complete.max_items = now.max_items;
    if (!change.max_age.has_value()) complete.max_age = now.max_age;
  }
  v1::UpdateKeyRequest request;
  v1::Key response;
  request.mutable_key()->set_name(std::string(name));
  FillSettings(complete, request.mutable_key());
  FillMask(complete, request.mutable_update_mask());
  SR_RETURN_IF_ERROR(Call(*admin_, &AdminStub::UpdateKey, request, &response));
  return FromWire(response);
}

StatusOr<Key> GrpcClient::RotateKey(std::string_view name) {
  v1::RotateKeyRequest request;
  v1::Key response;
  request.set_name(std::string(name));
  SR_RETURN_IF_ERROR(Call(*admin_, &AdminStub::RotateKey, request, &response));
  return FromWire(response);
}

template <typename Request>
StatusOr<KeyVersion> GrpcClient::VersionCall(
    grpc::Status (AdminStub::*method)(grpc::ClientContext*, const Request&,
                                      v1::KeyVersion*),
    std::string_view name, uint32_t version) {
  Request request;
  v1::KeyVersion response;
  request.set_name(std::string(name));
  request.set_version(version);
  SR_RETURN_IF_ERROR(Call(*admin_, method, request, &response));
  return FromWire(response);
}

StatusOr<KeyVersion> GrpcClient::EnableVersion(std::string_view name,
                                               uint32_t version) {
  return VersionCall(&AdminStub::EnableVersion, name, version);
}

StatusOr<KeyVersion> GrpcClient::DisableVersion(std::string_view name,
                                                uint32_t version) {
  return VersionCall(&AdminStub::DisableVersion, name, version);
}

StatusOr<KeyVersion> GrpcClient::ScheduleDestroyVersion(
    std::string_view name, uint32_t version, bool acknowledge_unregistered) {
  v1::ScheduleDestroyVersionRequest request;
  v1::KeyVersion response;
  request.set_name(std::string(name));
  request.set_version(version);
  request.set_acknowledge_unregistered(acknowledge_unregistered);
  SR_RETURN_IF_ERROR(
      Call(*admin_, &AdminStub::ScheduleDestroyVersion, request, &response));
  return FromWire(response);
}

StatusOr<KeyVersion> GrpcClient::CancelDestroyVersion(std::string_view name,
                                                      uint32_t version) {
  return VersionCall(&AdminStub::CancelDestroyVersion, name, version);
}

StatusOr<std::vector<TokenObject>> GrpcClient::ListTokenObjects() {
  v1::ListTokenObjectsResponse response;
  SR_RETURN_IF_ERROR(Call(*admin_, &AdminStub::ListTokenObjects,
                          v1::ListTokenObjectsRequest(), &response));
  std::vector<TokenObject> objects;
  for (const v1::TokenObject& object : response.objects()) {
    objects.push_back(FromWire(object));
  }
  return objects;
}

StatusOr<PublicKey> GrpcClient::GetSigningKey() {
  v1::SigningKey response;
  SR_RETURN_IF_ERROR(Call(*admin_, &AdminStub::GetSigningKey,
                          v1::GetSigningKeyRequest(), &response));
  return PublicKey{response.key_id(), response.public_key()};
}

StatusOr<ServiceStatus> GrpcClient::GetStatus() {
  v1::GetStatusResponse response;
  SR_RETURN_IF_ERROR(
      Call(*admin_, &AdminStub::GetStatus, v1::GetStatusRequest(), &response));
  return FromWire(response);
}

StatusOr<Identity> GrpcClient::WhoAmI() {
  v1::WhoAmIResponse response;
  SR_RETURN_IF_ERROR(
      Call(*admin_, &AdminStub::WhoAmI, v1::WhoAmIRequest(), &response));
  return Identity{response.caller(),
                  response.peer(),
                  {response.grants().begin(), response.grants().end()}};
}

}  // namespace strongroom::client
