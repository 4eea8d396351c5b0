#include <chrono>
#include <string>

#include "rpc/translate.h"

namespace strongroom::rpc {
namespace {

using google::protobuf::Duration;
using google::protobuf::Timestamp;

// What google.protobuf.Duration itself allows: 10,000 years.
constexpr int64_t kMaxDurationSeconds = 315'576'000'000;

StatusOr<int64_t> InUnits(const Duration& duration, std::string_view field,
                          int64_t units_per_second, std::string_view unit) {
  const int64_t nanos_per_unit = 1'000'000'000 / units_per_second;
  if (duration.seconds() < 0 || duration.seconds() > kMaxDurationSeconds ||
      duration.nanos() < 0 || duration.nanos() > 999'999'999 ||
      duration.nanos() % nanos_per_unit != 0) {
    return Error(Reason::kArgumentInvalid,
                 std::string(field) + " is " +
                     std::to_string(duration.seconds()) + " s and " +
                     std::to_string(duration.nanos()) + " ns; want whole " +
                     std::string(unit) + ", not negative");
  }
  return duration.seconds() * units_per_second +
         duration.nanos() / nanos_per_unit;
}

StatusOr<std::chrono::seconds> Seconds(const Duration& duration,
                                       std::string_view field) {
  SR_ASSIGN_OR_RETURN(const int64_t seconds,
                      InUnits(duration, field, 1, "seconds"));
  return std::chrono::seconds(seconds);
}

StatusOr<model::BatchPolicy> ToPolicy(const v1::BatchPolicy& in) {
  model::BatchPolicy policy;
  if (in.max_items() != 0) policy.max_items = in.max_items();
  SR_ASSIGN_OR_RETURN(
      int64_t max_age,
      InUnits(in.max_age(), "batch_policy.max_age", 1000, "milliseconds"));
  policy.max_age = std::chrono::milliseconds(max_age);
  return policy;
}

template <typename Message>
Labels ToLabels(const Message& message) {
  return Labels(message.labels().begin(), message.labels().end());
}

v1::KeyVersionState ToState(keyring::VersionState state) {
  switch (state) {
    case keyring::VersionState::kPending:
      return v1::PENDING;
    case keyring::VersionState::kEnabled:
      return v1::ENABLED;
    case keyring::VersionState::kDisabled:
      return v1::DISABLED;
    case keyring::VersionState::kDestroyScheduled:
      return v1::DESTROY_SCHEDULED;
    case keyring::VersionState::kDestroyed:
      return v1::DESTROYED;
  }
  return v1::KEY_VERSION_STATE_UNSPECIFIED;
}

using keyring::RegistrationRule;

StatusOr<RegistrationRule> ToRule(v1::Registration registration) {
  switch (registration) {
    case v1::REGISTRATION_UNSPECIFIED:
    case v1::OPTIONAL:
      return RegistrationRule::kOptional;
    case v1::REQUIRED:
      return RegistrationRule::kRequired;
    case v1::OFF:
      return RegistrationRule::kOff;
    default:
      return Error(Reason::kArgumentInvalid,
                   "registration is " + std::to_string(registration) +
                       "; want OPTIONAL, REQUIRED or OFF");
  }
}

v1::Registration FromRule(RegistrationRule rule) {
  switch (rule) {
    case RegistrationRule::kOptional:
      return v1::OPTIONAL;
    case RegistrationRule::kRequired:
      return v1::REQUIRED;
    case RegistrationRule::kOff:
      return v1::OFF;
  }
  return v1::REGISTRATION_UNSPECIFIED;
}

void FillOne(const service::KeyView& view, size_t index, v1::KeyVersion* out) {
  const keyring::Version& version = view.key->versions[index];
  out->set_version(version.number);
  out->set_state(ToState(version.state));
  FillTime(version.created, out->mutable_create_time());
  if (version.state == keyring::VersionState::kDestroyScheduled ||
      version.state == keyring::VersionState::kDestroyed) {
    FillTime(version.destroy_time, out->mutable_destroy_time());
    out->set_destruction_held(version.destruction_held);
  }
  out->set_primary(version.number == view.key->primary);
  out->set_kek_id(version.kek_id.ToString());
  if (index < view.seals.size()) out->set_seals(view.seals[index]);
  if (version.retire_time) {
    FillTime(*version.retire_time, out->mutable_retire_time());
  }
}

// ApplyField copies one field that the mask names.
Status ApplyField(const v1::Key& key, const std::string& path,
                  keyring::KeyChange* change) {
  if (path == "labels") {
    change->labels = ToLabels(key);
    return OkStatus();
  }
  if (path == "rotation_period") {
    SR_ASSIGN_OR_RETURN(change->rotation_period,
                        Seconds(key.rotation_period(), path));
    return OkStatus();
  }
  if (path == "batch_policy") {
    SR_ASSIGN_OR_RETURN(change->batch, ToPolicy(key.batch_policy()));
    return OkStatus();
  }
  if (path == "destroy_scheduled_duration") {
    if (!key.has_destroy_scheduled_duration()) {
      return Error(Reason::kArgumentInvalid,
                   "update_mask names destroy_scheduled_duration, but the key "
                   "has none; want a duration");
    }
    SR_ASSIGN_OR_RETURN(change->destroy_after,
                        Seconds(key.destroy_scheduled_duration(), path));
    return OkStatus();
  }
  if (path == "registration") {
    SR_ASSIGN_OR_RETURN(change->registration, ToRule(key.registration()));
    return OkStatus();
  }
  if (path == "rewrap_on_rotation") {
    change->rewrap_on_rotation = key.rewrap_on_rotation();
    return OkStatus();
  }
  if (path == "retire_after") {
    SR_ASSIGN_OR_RETURN(change->retire_after,
                        Seconds(key.retire_after(), path));
    return OkStatus();
  }
  return Error(Reason::kArgumentInvalid,
               "update_mask names \"" + path.substr(0, 64) +
                   "\"; want labels, rotation_period, batch_policy, "
                   "destroy_scheduled_duration, registration, "
                   "rewrap_on_rotation or retire_after");
}

}  // namespace

void FillTime(WallTime time, Timestamp* out) {
  int64_t micros = time.time_since_epoch().count();
  int64_t seconds = micros / 1'000'000;
  int64_t rest = micros % 1'000'000;
  if (rest < 0) {
    rest += 1'000'000;
    --seconds;
  }
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(rest * 1000));
}

StatusOr<service::KeySettings> ToSettings(const v1::CreateKeyRequest& request) {
  service::KeySettings settings;
  settings.labels = ToLabels(request);
  SR_ASSIGN_OR_RETURN(settings.rotation_period,
                      Seconds(request.rotation_period(), "rotation_period"));
  SR_ASSIGN_OR_RETURN(settings.batch, ToPolicy(request.batch_policy()));
  if (request.has_destroy_scheduled_duration()) {
    SR_ASSIGN_OR_RETURN(settings.destroy_after,
                        Seconds(request.destroy_scheduled_duration(),
                                "destroy_scheduled_duration"));
  }
  SR_ASSIGN_OR_RETURN(settings.registration, ToRule(request.registration()));
  settings.rewrap_on_rotation = request.rewrap_on_rotation();
  SR_ASSIGN_OR_RETURN(settings.retire_after,
                      Seconds(request.retire_after(), "retire_after"));
  return settings;
}

StatusOr<keyring::KeyChange> ToChange(const v1::UpdateKeyRequest& request) {
  if (request.update_mask().paths().empty()) {
    return Error(Reason::kArgumentInvalid,
                 "update_mask is empty; want the names of the fields to "
                 "change: labels, rotation_period, batch_policy, "
                 "destroy_scheduled_duration, registration, "
                 "rewrap_on_rotation, retire_after");
  }
  keyring::KeyChange change;
  for (const std::string& path : request.update_mask().paths()) {
    SR_RETURN_IF_ERROR(ApplyField(request.key(), path, &change));
  }
  return change;
}

void FillKey(const service::KeyView& view, v1::Key* key) {
  const keyring::Key& from = *view.key;
  key->set_name(from.name);
  key->set_id(from.id.ToString());
  key->mutable_labels()->insert(from.settings.labels.begin(),
                                from.settings.labels.end());
  key->set_primary_version(from.primary);
  for (size_t i = 0; i < from.versions.size(); ++i) {
    FillOne(view, i, key->add_versions());
  }
  FillTime(from.created, key->mutable_create_time());
  const model::KeySettings& settings = from.settings;
  if (settings.rotation_period.count() != 0) {
    key->mutable_rotation_period()->set_seconds(
        settings.rotation_period.count());
    FillTime(from.next_rotation, key->mutable_next_rotation_time());
  }
  v1::BatchPolicy* policy = key->mutable_batch_policy();
  policy->set_max_items(settings.batch.max_items);
  int64_t max_age = settings.batch.max_age.count();
  policy->mutable_max_age()->set_seconds(max_age / 1000);
  policy->mutable_max_age()->set_nanos(static_cast<int32_t>(max_age % 1000) *
                                       1'000'000);
  key->mutable_destroy_scheduled_duration()->set_seconds(
      settings.destroy_after.count());
  key->set_registration(FromRule(settings.registration));
  key->set_rewrap_on_rotation(settings.rewrap_on_rotation);
  if (settings.retire_after.count() != 0) {
    key->mutable_retire_after()->set_seconds(settings.retire_after.count());
  }
}

void FillTraces(const keyring::Traces& traces, v1::Traces* out) {
  out->set_unregistered_wraps(traces.issued);
  out->set_in_use_before_counting(traces.uncounted);
  if (traces.first_issued) {
    FillTime(*traces.first_issued, out->mutable_first_wrap_time());
  }
  if (traces.last_issued) {
    FillTime(*traces.last_issued, out->mutable_last_wrap_time());
  }
  if (traces.last_opened) {
    FillTime(*traces.last_opened, out->mutable_last_unwrap_time());
  }
}

void FillDek(const registry::DekInfo& dek, v1::Dek* out) {
  out->set_dek_id(dek.id.ToString());
  out->set_key_version(dek.version);
  out->mutable_labels()->insert(dek.labels.begin(), dek.labels.end());
  out->set_reference(dek.reference);
  FillTime(dek.created, out->mutable_create_time());
}

Status FillVersion(const service::KeyView& view, uint32_t version,
                   v1::KeyVersion* out) {
  for (size_t i = 0; i < view.key->versions.size(); ++i) {
    if (view.key->versions[i].number != version) continue;
    FillOne(view, i, out);
    if (view.traces) FillTraces(*view.traces, out->mutable_traces());
    return OkStatus();
  }
  return Error(Reason::kInternal, "the answer about " + view.key->name +
                                      " lacks v" + std::to_string(version));
}

void FillTokenObject(const keyring::OwnedObject& owned, v1::TokenObject* out) {
  out->set_id(ToHex(owned.object.id));
  // Labels and types of foreign objects are any bytes; proto strings are UTF-8.
  auto text = [](const std::string& s) {
    return IsUtf8(s) ? s : "hex:" + ToHex(AsBytes(s));
  };
  out->set_label(text(owned.object.label));
  out->set_object_class(text(owned.object.object_class));
  out->set_key_type(text(owned.object.key_type));
  out->set_owner(text(owned.owner));
  out->set_sensitive(owned.object.sensitive);
  out->set_never_extractable(owned.object.never_extractable);
}

}  // namespace strongroom::rpc
