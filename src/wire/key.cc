#include "wire/key.h"

#include <limits>

#include "wire/fields.h"

namespace strongroom::wire {
namespace {

using model::RegistrationRule;
using model::VersionState;
using std::chrono::seconds;

// The numbers of states are the same in the store, the model and the API; those
// of rules are not.
static_assert(static_cast<int>(VersionState::kPending) == v1::PENDING);
static_assert(static_cast<int>(VersionState::kEnabled) == v1::ENABLED);
static_assert(static_cast<int>(VersionState::kDisabled) == v1::DISABLED);
static_assert(static_cast<int>(VersionState::kDestroyScheduled) ==
              v1::DESTROY_SCHEDULED);
static_assert(static_cast<int>(VersionState::kDestroyed) == v1::DESTROYED);

constexpr int kLastState = std::numeric_limits<uint8_t>::max();

VersionState ReadState(v1::KeyVersionState state) {
  return static_cast<VersionState>(
      state >= 0 && state <= kLastState ? static_cast<int>(state) : kLastState);
}

v1::Registration WriteRule(RegistrationRule rule) {
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

StatusOr<RegistrationRule> ReadRule(v1::Registration registration) {
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

// Of an answer: RuleName then says UNKNOWN.
RegistrationRule ReadAnyRule(v1::Registration registration) {
  return ReadRule(registration)
      .value_or(
          static_cast<RegistrationRule>(std::numeric_limits<uint8_t>::max()));
}

StatusOr<model::BatchPolicy> ReadPolicy(const v1::BatchPolicy& in) {
  model::BatchPolicy policy;
  if (in.max_items() != 0) policy.max_items = in.max_items();
  SR_ASSIGN_OR_RETURN(policy.max_age,
                      ReadMilliseconds(in.max_age(), "batch_policy.max_age"));
  return policy;
}

void WritePolicy(const model::BatchPolicy& policy, v1::BatchPolicy* out) {
  out->set_max_items(policy.max_items);
  Write(policy.max_age, out->mutable_max_age());
}

constexpr char kSettings[] =
    "labels, rotation_period, batch_policy, destroy_scheduled_duration, "
    "registration, rewrap_on_rotation";

// ReadField copies one field that the mask names.
Status ReadField(const v1::Key& key, const std::string& path,
                 model::KeyChange* change) {
  if (path == "labels") {
    change->labels = ReadLabels(key);
    return OkStatus();
  }
  if (path == "rotation_period") {
    SR_ASSIGN_OR_RETURN(change->rotation_period,
                        ReadSeconds(key.rotation_period(), path));
    return OkStatus();
  }
  if (path == "batch_policy") {
    SR_ASSIGN_OR_RETURN(change->batch, ReadPolicy(key.batch_policy()));
    return OkStatus();
  }
  if (path == "destroy_scheduled_duration") {
    if (!key.has_destroy_scheduled_duration()) {
      return Error(Reason::kArgumentInvalid,
                   "update_mask names destroy_scheduled_duration, but the key "
                   "has none; want a duration");
    }
    SR_ASSIGN_OR_RETURN(change->destroy_after,
                        ReadSeconds(key.destroy_scheduled_duration(), path));
    return OkStatus();
  }
  if (path == "registration") {
    SR_ASSIGN_OR_RETURN(change->registration, ReadRule(key.registration()));
    return OkStatus();
  }
  if (path == "rewrap_on_rotation") {
    change->rewrap_on_rotation = key.rewrap_on_rotation();
    return OkStatus();
  }
  if (path == "retire_after") {
    SR_ASSIGN_OR_RETURN(change->retire_after,
                        ReadSeconds(key.retire_after(), path));
    return OkStatus();
  }
  return Error(Reason::kArgumentInvalid, "update_mask names \"" +
                                             path.substr(0, 64) + "\"; want " +
                                             kSettings + " or retire_after");
}

void WriteVersion(const model::Version& version, bool primary,
                  v1::KeyVersion* out) {
  out->set_version(version.number);
  out->set_state(static_cast<v1::KeyVersionState>(version.state));
  Write(version.created, out->mutable_create_time());
  if (version.state == VersionState::kDestroyScheduled ||
      version.state == VersionState::kDestroyed) {
    Write(version.destroy_time, out->mutable_destroy_time());
    out->set_destruction_held(version.destruction_held);
  }
  out->set_primary(primary);
  out->set_kek_id(version.kek_id.ToString());
  out->set_seals(version.seals);
  if (version.retire_time) {
    Write(*version.retire_time, out->mutable_retire_time());
  }
  if (version.traces) Write(*version.traces, out->mutable_traces());
}

std::optional<WallTime> TimeIf(bool present,
                               const google::protobuf::Timestamp& time) {
  return present ? std::optional(Read(time)) : std::nullopt;
}

}  // namespace

StatusOr<model::CreateKey> Read(const v1::CreateKeyRequest& request) {
  model::CreateKey out{request.name()};
  model::KeySettings& settings = out.settings;
  settings.labels = ReadLabels(request);
  SR_ASSIGN_OR_RETURN(
      settings.rotation_period,
      ReadSeconds(request.rotation_period(), "rotation_period"));
  SR_ASSIGN_OR_RETURN(settings.batch, ReadPolicy(request.batch_policy()));
  if (request.has_destroy_scheduled_duration()) {
    SR_ASSIGN_OR_RETURN(settings.destroy_after,
                        ReadSeconds(request.destroy_scheduled_duration(),
                                    "destroy_scheduled_duration"));
  }
  SR_ASSIGN_OR_RETURN(settings.registration, ReadRule(request.registration()));
  settings.rewrap_on_rotation = request.rewrap_on_rotation();
  SR_ASSIGN_OR_RETURN(settings.retire_after,
                      ReadSeconds(request.retire_after(), "retire_after"));
  return out;
}

StatusOr<model::UpdateKey> Read(const v1::UpdateKeyRequest& request) {
  if (request.update_mask().paths().empty()) {
    return Error(Reason::kArgumentInvalid,
                 std::string("update_mask is empty; want the names of the "
                             "fields to change: ") +
                     kSettings + ", retire_after");
  }
  model::UpdateKey out{request.key().name()};
  for (const std::string& path : request.update_mask().paths()) {
    SR_RETURN_IF_ERROR(ReadField(request.key(), path, &out.change));
  }
  return out;
}

void Write(const model::CreateKey& request, v1::CreateKeyRequest* out) {
  const model::KeySettings& settings = request.settings;
  out->set_name(request.name);
  WriteLabels(settings.labels, out);
  if (settings.rotation_period.count() != 0) {
    Write(settings.rotation_period, out->mutable_rotation_period());
  }
  WritePolicy(settings.batch, out->mutable_batch_policy());
  Write(settings.destroy_after, out->mutable_destroy_scheduled_duration());
  out->set_registration(WriteRule(settings.registration));
  out->set_rewrap_on_rotation(settings.rewrap_on_rotation);
  if (settings.retire_after.count() != 0) {
    Write(settings.retire_after, out->mutable_retire_after());
  }
}

void Write(const model::UpdateKey& request, v1::UpdateKeyRequest* out) {
  const model::KeyChange& change = request.change;
  v1::Key* key = out->mutable_key();
  auto* mask = out->mutable_update_mask();
  key->set_name(request.name);
  if (change.labels) {
    mask->add_paths("labels");
    WriteLabels(*change.labels, key);
  }
  if (change.rotation_period) {
    mask->add_paths("rotation_period");
    Write(*change.rotation_period, key->mutable_rotation_period());
  }
  if (change.batch) {
    mask->add_paths("batch_policy");
    WritePolicy(*change.batch, key->mutable_batch_policy());
  }
  if (change.destroy_after) {
    mask->add_paths("destroy_scheduled_duration");
    Write(*change.destroy_after, key->mutable_destroy_scheduled_duration());
  }
  if (change.registration) {
    mask->add_paths("registration");
    key->set_registration(WriteRule(*change.registration));
  }
  if (change.rewrap_on_rotation) {
    mask->add_paths("rewrap_on_rotation");
    key->set_rewrap_on_rotation(*change.rewrap_on_rotation);
  }
  if (change.retire_after) {
    mask->add_paths("retire_after");
    Write(*change.retire_after, key->mutable_retire_after());
  }
}

void Write(const model::Key& key, v1::Key* out) {
  const model::KeySettings& settings = key.settings;
  out->set_name(key.name);
  out->set_id(key.id.ToString());
  WriteLabels(settings.labels, out);
  out->set_primary_version(key.primary);
  for (const model::Version& version : key.versions) {
    WriteVersion(version, version.number == key.primary, out->add_versions());
  }
  Write(key.created, out->mutable_create_time());
  if (settings.rotation_period.count() != 0) {
    Write(settings.rotation_period, out->mutable_rotation_period());
    Write(key.next_rotation, out->mutable_next_rotation_time());
  }
  WritePolicy(settings.batch, out->mutable_batch_policy());
  Write(settings.destroy_after, out->mutable_destroy_scheduled_duration());
  out->set_registration(WriteRule(settings.registration));
  out->set_rewrap_on_rotation(settings.rewrap_on_rotation);
  if (settings.retire_after.count() != 0) {
    Write(settings.retire_after, out->mutable_retire_after());
  }
}

StatusOr<model::Key> Read(const v1::Key& key) {
  model::Key out;
  model::KeySettings& settings = out.settings;
  SR_ASSIGN_OR_RETURN(out.id, ReadId(key.id(), "key id"));
  out.name = key.name();
  settings.labels = ReadLabels(key);
  settings.rotation_period = seconds(key.rotation_period().seconds());
  settings.batch.max_items = key.batch_policy().max_items();
  settings.batch.max_age =
      seconds(key.batch_policy().max_age().seconds()) +
      std::chrono::milliseconds(key.batch_policy().max_age().nanos() /
                                1'000'000);
  settings.destroy_after = seconds(key.destroy_scheduled_duration().seconds());
  settings.registration = ReadAnyRule(key.registration());
  settings.rewrap_on_rotation = key.rewrap_on_rotation();
  settings.retire_after = seconds(key.retire_after().seconds());
  out.primary = key.primary_version();
  out.versions.reserve(static_cast<size_t>(key.versions_size()));
  for (const v1::KeyVersion& version : key.versions()) {
    SR_ASSIGN_OR_RETURN(model::MovedVersion one, Read(version));
    out.versions.push_back(std::move(one.version));
  }
  if (key.has_next_rotation_time()) {
    out.next_rotation = Read(key.next_rotation_time());
  }
  out.created = Read(key.create_time());
  return out;
}

void Write(const model::Key& key, v1::KeyUsage* out) {
  for (const model::Version& version : key.versions) {
    WriteVersion(version, version.number == key.primary, out->add_versions());
  }
}

StatusOr<std::vector<model::Version>> Read(const v1::KeyUsage& usage) {
  std::vector<model::Version> versions;
  for (const v1::KeyVersion& version : usage.versions()) {
    SR_ASSIGN_OR_RETURN(model::MovedVersion one, Read(version));
    versions.push_back(std::move(one.version));
  }
  return versions;
}

void Write(const model::KeyPage& page, v1::ListKeysResponse* out) {
  for (const model::Key& key : page.keys) Write(key, out->add_keys());
  out->set_next_page_token(page.next_page_token);
}

StatusOr<model::KeyPage> Read(const v1::ListKeysResponse& page) {
  model::KeyPage out{{}, page.next_page_token()};
  for (const v1::Key& key : page.keys()) {
    SR_ASSIGN_OR_RETURN(out.keys.emplace_back(), Read(key));
  }
  return out;
}

void Write(const model::MovedVersion& version, v1::KeyVersion* out) {
  WriteVersion(version.version, version.primary, out);
}

StatusOr<model::MovedVersion> Read(const v1::KeyVersion& version) {
  model::MovedVersion out{{}, version.primary()};
  model::Version& to = out.version;
  to.number = version.version();
  SR_ASSIGN_OR_RETURN(to.kek_id, ReadId(version.kek_id(), "kek_id"));
  to.state = ReadState(version.state());
  to.seals = version.seals();
  to.created = Read(version.create_time());
  if (version.has_destroy_time())
    to.destroy_time = Read(version.destroy_time());
  to.destruction_held = version.destruction_held();
  to.retire_time = TimeIf(version.has_retire_time(), version.retire_time());
  if (version.has_traces()) {
    to.traces = Read(version.traces());
    to.traces->version = to.number;
  }
  return out;
}

void Write(const model::Traces& traces, v1::Traces* out) {
  out->set_unregistered_wraps(traces.issued);
  out->set_in_use_before_counting(traces.uncounted);
  if (traces.first_issued) {
    Write(*traces.first_issued, out->mutable_first_wrap_time());
  }
  if (traces.last_issued) {
    Write(*traces.last_issued, out->mutable_last_wrap_time());
  }
  if (traces.last_opened) {
    Write(*traces.last_opened, out->mutable_last_unwrap_time());
  }
}

model::Traces Read(const v1::Traces& traces) {
  model::Traces out;
  out.issued = traces.unregistered_wraps();
  out.uncounted = traces.in_use_before_counting();
  out.first_issued =
      TimeIf(traces.has_first_wrap_time(), traces.first_wrap_time());
  out.last_issued =
      TimeIf(traces.has_last_wrap_time(), traces.last_wrap_time());
  out.last_opened =
      TimeIf(traces.has_last_unwrap_time(), traces.last_unwrap_time());
  return out;
}

}  // namespace strongroom::wire
