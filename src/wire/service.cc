#include "wire/service.h"

#include <utility>

#include "wire/fields.h"

namespace strongroom::wire {
namespace {

// Proto strings are UTF-8.
std::string TextOf(const std::string& bytes) {
  return IsUtf8(bytes) ? bytes : "hex:" + ToHex(AsBytes(bytes));
}

}  // namespace

void Write(const std::vector<model::TokenObject>& objects,
           v1::ListTokenObjectsResponse* out) {
  for (const model::TokenObject& object : objects) {
    v1::TokenObject* to = out->add_objects();
    to->set_id(ToHex(object.id));
    to->set_label(TextOf(object.label));
    to->set_object_class(TextOf(object.object_class));
    to->set_key_type(TextOf(object.key_type));
    to->set_owner(TextOf(object.owner));
    to->set_sensitive(object.sensitive);
    to->set_never_extractable(object.never_extractable);
  }
}

StatusOr<std::vector<model::TokenObject>> Read(
    const v1::ListTokenObjectsResponse& objects) {
  std::vector<model::TokenObject> out;
  for (const v1::TokenObject& object : objects.objects()) {
    std::optional<Bytes> id = FromHex(object.id());
    if (!id) return Error(Reason::kInternal, "the id of an object is not hex");
    out.push_back({*std::move(id), object.label(), object.object_class(),
                   object.key_type(), object.owner(), object.sensitive(),
                   object.never_extractable()});
  }
  return out;
}

void Write(const model::SigningKey& key, v1::SigningKey* out) {
  out->set_key_id(key.key_id);
  out->set_public_key(key.public_key);
}

model::SigningKey Read(const v1::SigningKey& key) {
  return {key.key_id(), key.public_key()};
}

void Write(const model::ServiceStatus& status, v1::GetStatusResponse* out) {
  const model::ServerFacts& server = status.server;
  out->set_version(server.version);
  out->set_mode(server.mode);
  Write(server.start_time, out->mutable_start_time());
  out->set_installation_id(server.installation_id);
  for (const std::string& warning : server.warnings) out->add_warnings(warning);
  out->set_token_label(status.token_label);
  out->set_token_model(status.token_model);
  out->set_token_serial(status.token_serial);
  out->set_profile(status.profile);
  out->set_sessions(status.sessions);
  out->set_hsm_healthy(status.hsm_healthy);
  out->set_hsm_detail(status.hsm_detail);
  out->set_keys(status.keys);
  out->set_key_versions(status.key_versions);
  out->set_token_operations(status.token_operations);
  out->set_items_sealed(status.items_sealed);
  out->set_items_opened(status.items_opened);
}

model::ServiceStatus Read(const v1::GetStatusResponse& status) {
  model::ServiceStatus out;
  out.server = {status.version(),
                status.mode(),
                Read(status.start_time()),
                status.installation_id(),
                {status.warnings().begin(), status.warnings().end()}};
  out.token_label = status.token_label();
  out.token_model = status.token_model();
  out.token_serial = status.token_serial();
  out.profile = status.profile();
  out.sessions = status.sessions();
  out.hsm_healthy = status.hsm_healthy();
  out.hsm_detail = status.hsm_detail();
  out.keys = status.keys();
  out.key_versions = status.key_versions();
  out.token_operations = status.token_operations();
  out.items_sealed = status.items_sealed();
  out.items_opened = status.items_opened();
  return out;
}

void Write(const model::Identity& identity, v1::WhoAmIResponse* out) {
  out->set_caller(identity.caller);
  out->set_peer(identity.subject);
  for (const std::string& grant : identity.grants) out->add_grants(grant);
}

model::Identity Read(const v1::WhoAmIResponse& identity) {
  return {identity.caller(),
          identity.peer(),
          {identity.grants().begin(), identity.grants().end()}};
}

}  // namespace strongroom::wire
