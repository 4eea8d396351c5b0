#include "client/convert.h"

namespace strongroom::client {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

WallTime ToWallTime(const google::protobuf::Timestamp& time) {
  return WallTime(seconds(time.seconds()) + microseconds(time.nanos() / 1000));
}

milliseconds ToMilliseconds(const google::protobuf::Duration& duration) {
  return seconds(duration.seconds()) +
         milliseconds(duration.nanos() / 1'000'000);
}

template <typename Message>
std::optional<WallTime> TimeIf(bool present, const Message& time) {
  return present ? std::optional(ToWallTime(time)) : std::nullopt;
}

Traces FromWire(const v1::Traces& traces) {
  return {traces.unregistered_wraps(), traces.in_use_before_counting(),
          TimeIf(traces.has_first_wrap_time(), traces.first_wrap_time()),
          TimeIf(traces.has_last_wrap_time(), traces.last_wrap_time()),
          TimeIf(traces.has_last_unwrap_time(), traces.last_unwrap_time())};
}

}  // namespace

void SetDuration(milliseconds duration, google::protobuf::Duration* out) {
  out->set_seconds(duration.count() / 1000);
  out->set_nanos(static_cast<int32_t>(duration.count() % 1000) * 1'000'000);
}

KeyVersion FromWire(const v1::KeyVersion& version) {
  KeyVersion out;
  out.version = version.version();
  out.state = v1::KeyVersionState_Name(version.state());
  // A state of a later service has no name here.
  if (out.state.empty()) out.state = "STATE_" + std::to_string(version.state());
  out.primary = version.primary();
  out.created = ToWallTime(version.create_time());
  if (version.has_destroy_time()) {
    out.destroy_time = ToWallTime(version.destroy_time());
    out.destruction_held = version.destruction_held();
  }
  out.kek_id = version.kek_id();
  out.seals = version.seals();
  out.retire_time = TimeIf(version.has_retire_time(), version.retire_time());
  if (version.has_traces()) out.traces = FromWire(version.traces());
  return out;
}

Key FromWire(const v1::Key& key) {
  Key out;
  out.name = key.name();
  out.id = key.id();
  out.labels = Labels(key.labels().begin(), key.labels().end());
  out.primary_version = key.primary_version();
  for (const v1::KeyVersion& version : key.versions()) {
    out.versions.push_back(FromWire(version));
  }
  out.created = ToWallTime(key.create_time());
  if (key.has_rotation_period()) {
    out.rotation_period = seconds(key.rotation_period().seconds());
  }
  if (key.has_next_rotation_time()) {
    out.next_rotation = ToWallTime(key.next_rotation_time());
  }
  out.max_items = key.batch_policy().max_items();
  out.max_age = ToMilliseconds(key.batch_policy().max_age());
  out.destroy_after = seconds(key.destroy_scheduled_duration().seconds());
  out.registration = v1::Registration_Name(key.registration());
  out.rewrap_on_rotation = key.rewrap_on_rotation();
  if (key.has_retire_after()) {
    out.retire_after = seconds(key.retire_after().seconds());
  }
  return out;
}

CensusVersion FromWire(const v1::Census::Version& version) {
  CensusVersion out;
  out.version = version.version();
  out.registered_deks = version.registered_deks();
  out.batches = version.batches();
  out.traces = FromWire(version.traces());
  for (const v1::Census::Claim& claim : version.claims()) {
    out.claims.push_back({claim.caller(), claim.source(), claim.objects(),
                          ToWallTime(claim.report_time())});
  }
  out.nothing_depends = version.nothing_depends();
  return out;
}

Job FromWire(const v1::Job& job) {
  Job out;
  out.id = job.job_id();
  out.state = v1::JobState_Name(job.state());
  out.from_versions.assign(job.from_versions().begin(),
                           job.from_versions().end());
  out.batches_per_second = job.batches_per_second();
  out.min_share = job.min_share();
  out.created_by = job.created_by();
  out.created = ToWallTime(job.create_time());
  out.updated = ToWallTime(job.update_time());
  if (job.has_finish_time()) out.finished = ToWallTime(job.finish_time());
  out.batches_total = job.batches_total();
  out.deks_total = job.deks_total();
  out.batches_moved = job.batches_moved();
  out.deks_moved = job.deks_moved();
  out.batches_left = job.batches_left();
  out.deks_left = job.deks_left();
  out.failure_count = job.failure_count();
  for (const v1::JobFailure& failure : job.failures()) {
    out.failures.push_back(
        {failure.batch_id(), failure.reason(), failure.message()});
  }
  out.waits_for = job.waits_for();
  return out;
}

Dek FromWire(const v1::Dek& dek) {
  return {dek.dek_id(),
          dek.key_version(),
          {Labels(dek.labels().begin(), dek.labels().end()), dek.reference()},
          ToWallTime(dek.create_time())};
}

TokenObject FromWire(const v1::TokenObject& object) {
  return {object.id(),
          object.label(),
          object.object_class(),
          object.key_type(),
          object.owner(),
          object.sensitive(),
          object.never_extractable()};
}

ServiceStatus FromWire(const v1::GetStatusResponse& status) {
  ServiceStatus out;
  out.version = status.version();
  out.mode = status.mode();
  out.started = ToWallTime(status.start_time());
  out.installation_id = status.installation_id();
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
  out.warnings = {status.warnings().begin(), status.warnings().end()};
  return out;
}

}  // namespace strongroom::client
