#include "strongroom/registry/jobs.h"

#include <algorithm>
#include <utility>

#include "registry/jobs_impl.h"
#include "registry/report_rows.h"
#include "strongroom/base/crash_points.h"

namespace strongroom::registry {
namespace {

using store::JobRow;

Status CheckFrom(store::ReadTransaction& t, const store::KeyRow& key,
                 const std::vector<uint32_t>& from) {
  SR_ASSIGN_OR_RETURN(const auto versions, t.VersionsOf(key.id));
  for (uint32_t number : from) {
    const std::string name =
        "key version " + key.name + " v" + std::to_string(number);
    if (std::ranges::find(versions, number, &store::VersionRow::version) ==
        versions.end()) {
      return Error(Reason::kVersionNotFound, "there is no " + name);
    }
    if (number >= key.primary_version) {
      return Error(Reason::kArgumentInvalid,
                   name + " is not below the primary, v" +
                       std::to_string(key.primary_version) +
                       ", to which the job moves; want an older version");
    }
  }
  return OkStatus();
}

Status CheckShare(uint32_t percent) {
  constexpr uint32_t kMin = batching::kMinBackgroundShare;
  constexpr uint32_t kMax = batching::kMaxBackgroundShare;
  if (percent == 0 || (percent >= kMin && percent <= kMax)) return OkStatus();
  return Error(Reason::kArgumentInvalid,
               "a share of " + std::to_string(percent) +
                   " percent was asked for; want " + std::to_string(kMin) +
                   " to " + std::to_string(kMax) +
                   ", or 0 for the service's limits.background_share");
}

StatusOr<Job> Plan(store::ReadTransaction& t, const Uuid& key_id,
                   const JobOptions& options, WallTime now) {
  SR_ASSIGN_OR_RETURN(const std::optional<store::KeyRow> key, t.GetKey(key_id));
  if (!key) {
    return Error(Reason::kKeyNotFound,
                 "there is no key with the id " + key_id.ToString());
  }
  SR_RETURN_IF_ERROR(CheckFrom(t, *key, options.from));
  SR_RETURN_IF_ERROR(CheckShare(options.min_share));
  JobRow row;
  row.key_id = key_id;
  row.from = options.from;
  row.batches_per_second = options.batches_per_second;
  row.min_share = options.min_share;
  row.created = now;
  row.updated = row.created;
  SR_ASSIGN_OR_RETURN(Job job, ViewOf(t, std::move(row)));
  job.row.batches_total = job.batches_left;
  job.row.deks_total = job.deks_left;
  return job;
}

bool IsFinished(JobState state) {
  return state != JobState::kRunning && state != JobState::kPaused;
}

}  // namespace

Status JobNotFound(const Uuid& id) {
  return Error(Reason::kJobNotFound, "the key has no rewrap job " +
                                         id.ToString() +
                                         "; list its jobs, and check the id");
}

Status WrongState(const JobRow& job, std::string_view wanted) {
  return Error(Reason::kJobState, "job " + job.id.ToString() + " is " +
                                      std::string(JobStateName(job.state)) +
                                      "; want " + std::string(wanted));
}

StatusOr<JobRow> ReadJob(store::ReadTransaction& t, const Uuid& id) {
  SR_ASSIGN_OR_RETURN(std::optional<JobRow> row, t.jobs().GetJob(id));
  if (!row) return JobNotFound(id);
  return *std::move(row);
}

StatusOr<Job> JobsImpl::Preview(const Uuid& key_id, const JobOptions& options) {
  Job job;
  const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(job, Plan(t, key_id, options, clock_.Now()));
    return OkStatus();
  });
  SR_RETURN_IF_ERROR(read);
  return job;
}

StatusOr<Job> JobsImpl::Start(const Uuid& key_id, const JobOptions& options,
                              const std::string& caller) {
  const Uuid id = Uuid::Random();
  Job job;
  CrashPoint("rewrap-start/begin");
  const Status stored = store_.Update([&](store::Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const auto open, t.jobs().OpenJobs());
    const auto other = std::ranges::find(open, key_id, &JobRow::key_id);
    if (other != open.end()) {
      return WrongState(*other, "the key's job finished or cancelled first");
    }
    SR_ASSIGN_OR_RETURN(job, Plan(t, key_id, options, clock_.Now()));
    job.row.id = id;
    job.row.created_by = caller;
    return t.jobs().PutJob(job.row);
  });
  SR_RETURN_IF_ERROR(stored);
  CrashPoint("rewrap-start/stored");
  return job;
}

StatusOr<Job> JobsImpl::Get(const Uuid& key_id, const Uuid& id) {
  Job job;
  const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(JobRow row, ReadJob(t, id));
    if (row.key_id != key_id) return JobNotFound(id);
    SR_ASSIGN_OR_RETURN(job, ViewOf(t, std::move(row)));
    SR_ASSIGN_OR_RETURN(job.failures,
                        t.jobs().JobFailures(id, kMaxFailuresShown));
    return OkStatus();
  });
  SR_RETURN_IF_ERROR(read);
  return job;
}

StatusOr<std::vector<Job>> JobsImpl::List(const Uuid& key_id) {
  std::vector<Job> jobs;
  const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
    jobs.clear();
    SR_ASSIGN_OR_RETURN(std::vector<JobRow> rows,
                        t.jobs().JobsOf(key_id, kMaxJobsListed));
    for (JobRow& row : rows) {
      SR_ASSIGN_OR_RETURN(Job job, ViewOf(t, std::move(row)));
      jobs.push_back(std::move(job));
    }
    return OkStatus();
  });
  SR_RETURN_IF_ERROR(read);
  return jobs;
}

StatusOr<Job> JobsImpl::Move(const Uuid& key_id, const Uuid& id, JobMove move) {
  const Status stored = store_.Update([&](store::Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(JobRow row, ReadJob(t, id));
    if (row.key_id != key_id) return JobNotFound(id);
    const bool runs = row.state == JobState::kRunning;
    const bool paused = row.state == JobState::kPaused;
    switch (move) {
      case JobMove::kPause:
        if (!runs) return WrongState(row, "RUNNING to pause it");
        row.state = JobState::kPaused;
        break;
      case JobMove::kResume:
        if (!paused) return WrongState(row, "PAUSED to resume it");
        row.state = JobState::kRunning;
        break;
      case JobMove::kCancel:
        if (!runs && !paused) {
          return WrongState(row, "RUNNING or PAUSED to cancel it");
        }
        row.state = JobState::kCancelled;
        row.finished = clock_.Now();
        break;
    }
    row.waits_for.clear();
    return t.jobs().PutJob(row);
  });
  SR_RETURN_IF_ERROR(stored);
  return Get(key_id, id);
}

StatusOr<std::string> JobsImpl::Report(const Uuid& key_id, const Uuid& id) {
  std::string document;
  std::string payload;
  SR_RETURN_IF_ERROR(store_.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const JobRow job, ReadJob(t, id));
    if (job.key_id != key_id) return JobNotFound(id);
    if (!IsFinished(job.state)) {
      return WrongState(job, "it ended, to report on it");
    }
    SR_ASSIGN_OR_RETURN(const store::JobReportRow row, ReportRowOf(t, id));
    document = row.document;
    if (!document.empty()) return OkStatus();
    SR_ASSIGN_OR_RETURN(payload,
                        ReportPayload(t, store_.installation_id(), job));
    return OkStatus();
  }));
  if (!document.empty()) return document;
  SR_ASSIGN_OR_RETURN(const std::string made,
                      sign_(kReportType, AsBytes(payload)));
  SR_RETURN_IF_ERROR(store_.Update([&](store::Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(store::JobReportRow row, ReportRowOf(t, id));
    // Another call may have been faster: then that one is the report.
    if (row.document.empty()) row.document = made;
    document = row.document;
    return t.jobs().PutJobReport(row);
  }));
  CrashPoint("rewrap/reported");
  return document;
}

std::string_view JobStateName(JobState state) {
  switch (state) {
    case JobState::kRunning:
      return "RUNNING";
    case JobState::kPaused:
      return "PAUSED";
    case JobState::kDone:
      return "DONE";
    case JobState::kPartial:
      return "PARTIAL";
    case JobState::kCancelled:
      return "CANCELLED";
  }
  return "UNKNOWN";
}

Status StartInRotation(store::Transaction& t, const Uuid& key_id,
                       WallTime now) {
  SR_ASSIGN_OR_RETURN(std::vector<JobRow> open, t.jobs().OpenJobs());
  const auto unfinished = std::ranges::find(open, key_id, &JobRow::key_id);
  if (unfinished == open.end()) {
    SR_ASSIGN_OR_RETURN(Job job, Plan(t, key_id, {}, now));
    job.row.id = Uuid::Random();
    job.row.created_by = "rotation";
    return t.jobs().PutJob(job.row);
  }
  // It goes to the newest primary as it is.
  if (unfinished->from.empty()) return OkStatus();
  unfinished->from.clear();
  return t.jobs().PutJob(*unfinished);
}

std::unique_ptr<Jobs> CreateJobs(store::Store& store, RewrapHeaders rewrap,
                                 const Clock& clock, Metrics& metrics,
                                 ReportSigner sign) {
  return std::make_unique<JobsImpl>(store, std::move(rewrap), clock, metrics,
                                    std::move(sign));
}

}  // namespace strongroom::registry
