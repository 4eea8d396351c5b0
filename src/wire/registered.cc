#include "wire/registered.h"

#include <limits>
#include <utility>

#include "wire/fields.h"
#include "wire/key.h"

namespace strongroom::wire {
namespace {

using model::JobState;

// The numbers of states are the same in the store, the model and the API.
static_assert(static_cast<int>(JobState::kRunning) == v1::RUNNING);
static_assert(static_cast<int>(JobState::kPaused) == v1::PAUSED);
static_assert(static_cast<int>(JobState::kDone) == v1::DONE);
static_assert(static_cast<int>(JobState::kPartial) == v1::PARTIAL);
static_assert(static_cast<int>(JobState::kCancelled) == v1::CANCELLED);

constexpr int kLastState = std::numeric_limits<uint8_t>::max();

}  // namespace

model::ListDeks Read(const v1::ListDeksRequest& request) {
  return {request.name(), request.key_version(), ReadLabels(request),
          request.page_size(), request.page_token()};
}

void Write(const model::ListDeks& request, v1::ListDeksRequest* out) {
  out->set_name(request.name);
  out->set_key_version(request.key_version);
  WriteLabels(request.labels, out);
  out->set_page_size(request.page_size);
  out->set_page_token(request.page_token);
}

model::StartRewrap Read(const v1::StartRewrapRequest& request) {
  model::StartRewrap out{request.name(), {}, request.dry_run()};
  out.options.from.assign(request.from_versions().begin(),
                          request.from_versions().end());
  out.options.batches_per_second = request.batches_per_second();
  out.options.min_share = request.min_share();
  return out;
}

void Write(const model::StartRewrap& request, v1::StartRewrapRequest* out) {
  out->set_name(request.name);
  for (uint32_t version : request.options.from) {
    out->add_from_versions(version);
  }
  out->set_batches_per_second(request.options.batches_per_second);
  out->set_min_share(request.options.min_share);
  out->set_dry_run(request.dry_run);
}

model::ReportDependence Read(const v1::ReportDependenceRequest& request) {
  model::ReportDependence out{request.key_id(), request.source(), {}};
  out.claimed.reserve(static_cast<size_t>(request.counts_size()));
  for (const auto& count : request.counts()) {
    out.claimed.push_back({count.version(), count.objects()});
  }
  return out;
}

void Write(const model::ReportDependence& request,
           v1::ReportDependenceRequest* out) {
  out->set_key_id(request.key_id);
  out->set_source(request.source);
  for (const model::Claimed& claimed : request.claimed) {
    auto* count = out->add_counts();
    count->set_version(claimed.version);
    count->set_objects(claimed.objects);
  }
}

void Write(const model::Dek& dek, v1::Dek* out) {
  out->set_dek_id(dek.id.ToString());
  out->set_key_version(dek.key_version);
  WriteLabels(dek.about.labels, out);
  out->set_reference(dek.about.reference);
  Write(dek.created, out->mutable_create_time());
}

StatusOr<model::Dek> Read(const v1::Dek& dek) {
  StatusOr<model::DekId> id = model::DekId::Parse(dek.dek_id());
  if (!id.ok()) return Error(Reason::kInternal, "the answer's dek_id is none");
  return model::Dek{*id,
                    dek.key_version(),
                    {ReadLabels(dek), dek.reference()},
                    Read(dek.create_time())};
}

void Write(const model::DekPage& page, v1::ListDeksResponse* out) {
  for (const model::Dek& dek : page.deks) Write(dek, out->add_deks());
  out->set_next_page_token(page.next_page_token);
}

StatusOr<model::DekPage> Read(const v1::ListDeksResponse& page) {
  model::DekPage out{{}, page.next_page_token()};
  for (const v1::Dek& dek : page.deks()) {
    SR_ASSIGN_OR_RETURN(out.deks.emplace_back(), Read(dek));
  }
  return out;
}

void Write(const model::Job& job, v1::Job* out) {
  if (!job.id.IsNil()) out->set_job_id(job.id.ToString());
  out->set_state(static_cast<v1::JobState>(job.state));
  for (uint32_t version : job.options.from) out->add_from_versions(version);
  out->set_batches_per_second(job.options.batches_per_second);
  out->set_min_share(job.options.min_share);
  out->set_created_by(job.created_by);
  Write(job.created, out->mutable_create_time());
  Write(job.updated, out->mutable_update_time());
  if (job.finished) Write(*job.finished, out->mutable_finish_time());
  out->set_batches_total(job.batches_total);
  out->set_deks_total(job.deks_total);
  out->set_batches_moved(job.batches_moved);
  out->set_deks_moved(job.deks_moved);
  out->set_batches_left(job.batches_left);
  out->set_deks_left(job.deks_left);
  out->set_failure_count(job.failure_count);
  for (const model::JobFailure& failure : job.failures) {
    v1::JobFailure* to = out->add_failures();
    to->set_batch_id(failure.batch_id.ToString());
    to->set_reason(failure.reason);
    to->set_message(failure.message);
  }
  out->set_waits_for(job.waits_for);
}

StatusOr<model::Job> Read(const v1::Job& job) {
  model::Job out;
  SR_ASSIGN_OR_RETURN(out.id, ReadId(job.job_id(), "job_id"));
  out.state =
      static_cast<JobState>(job.state() >= 0 && job.state() <= kLastState
                                ? static_cast<int>(job.state())
                                : kLastState);
  out.options.from.assign(job.from_versions().begin(),
                          job.from_versions().end());
  out.options.batches_per_second = job.batches_per_second();
  out.options.min_share = job.min_share();
  out.created_by = job.created_by();
  out.created = Read(job.create_time());
  out.updated = Read(job.update_time());
  if (job.has_finish_time()) out.finished = Read(job.finish_time());
  out.batches_total = job.batches_total();
  out.deks_total = job.deks_total();
  out.batches_moved = job.batches_moved();
  out.deks_moved = job.deks_moved();
  out.batches_left = job.batches_left();
  out.deks_left = job.deks_left();
  out.failure_count = job.failure_count();
  for (const v1::JobFailure& failure : job.failures()) {
    SR_ASSIGN_OR_RETURN(Uuid batch_id, ReadId(failure.batch_id(), "batch_id"));
    out.failures.push_back({batch_id, failure.reason(), failure.message()});
  }
  out.waits_for = job.waits_for();
  return out;
}

void Write(const std::vector<model::Job>& jobs, v1::ListJobsResponse* out) {
  for (const model::Job& job : jobs) Write(job, out->add_jobs());
}

StatusOr<std::vector<model::Job>> Read(const v1::ListJobsResponse& jobs) {
  std::vector<model::Job> out;
  for (const v1::Job& job : jobs.jobs()) {
    SR_ASSIGN_OR_RETURN(out.emplace_back(), Read(job));
  }
  return out;
}

void Write(const model::JobReport& report, v1::JobReport* out) {
  out->set_document(report.document);
}

void Write(const model::Census& census, v1::Census* out) {
  for (const model::VersionCensus& version : census) {
    v1::Census::Version* to = out->add_versions();
    to->set_version(version.version);
    to->set_registered_deks(version.deks);
    to->set_batches(version.batches);
    Write(version.traces, to->mutable_traces());
    for (const model::Claim& claim : version.claims) {
      v1::Census::Claim* one = to->add_claims();
      one->set_caller(claim.caller);
      one->set_source(claim.source);
      one->set_objects(claim.objects);
      Write(claim.reported, one->mutable_report_time());
    }
    to->set_nothing_depends(version.nothing_depends);
  }
}

model::Census Read(const v1::Census& census) {
  model::Census out;
  for (const v1::Census::Version& version : census.versions()) {
    model::VersionCensus& to = out.emplace_back();
    to.version = version.version();
    to.deks = version.registered_deks();
    to.batches = version.batches();
    to.traces = Read(version.traces());
    to.traces.version = to.version;
    for (const v1::Census::Claim& claim : version.claims()) {
      to.claims.push_back({claim.caller(), claim.source(), claim.objects(),
                           Read(claim.report_time())});
    }
    to.nothing_depends = version.nothing_depends();
  }
  return out;
}

}  // namespace strongroom::wire
