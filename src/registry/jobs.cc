#include "strongroom/registry/jobs.h"

#include <algorithm>
#include <future>
#include <map>
#include <utility>

#include "registry/job_rows.h"
#include "registry/rows.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/base/log.h"
#include "strongroom/base/mutex.h"

namespace strongroom::registry {
namespace {

using std::chrono::milliseconds;
using store::BatchRow;
using store::CensusRow;
using store::JobRow;

constexpr std::chrono::seconds kLeaseTime{30};
// Batches in one transaction, and on the token at a time.
constexpr size_t kChunk = 256;
constexpr milliseconds kTurn{500};
constexpr milliseconds kIdle{1000};
constexpr milliseconds kRetryAfter{1000};
// Less than the lease: what the token did in that time can still be stored.
constexpr std::chrono::seconds kTokenTime{20};

std::string LeaseName(const Uuid& id) { return "job/" + id.ToString(); }

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

// Stopped ends a turn without being a failure.
Status Stopped(const JobRow& job) { return WrongState(job, "RUNNING"); }

StatusOr<JobRow> ReadJob(store::ReadTransaction& t, const Uuid& id) {
  SR_ASSIGN_OR_RETURN(std::optional<JobRow> row, t.registered().GetJob(id));
  if (!row) return JobNotFound(id);
  return *std::move(row);
}

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

StatusOr<Job> Plan(store::ReadTransaction& t, const Uuid& key_id,
                   const JobOptions& options, WallTime now) {
  SR_ASSIGN_OR_RETURN(const std::optional<store::KeyRow> key, t.GetKey(key_id));
  if (!key) {
    return Error(Reason::kKeyNotFound,
                 "there is no key with the id " + key_id.ToString());
  }
  SR_RETURN_IF_ERROR(CheckFrom(t, *key, options.from));
  JobRow row;
  row.key_id = key_id;
  row.from = options.from;
  row.batches_per_second = options.batches_per_second;
  row.created = now;
  row.updated = row.created;
  SR_ASSIGN_OR_RETURN(Job job, ViewOf(t, std::move(row)));
  job.row.batches_total = job.batches_left;
  job.row.deks_total = job.deks_left;
  return job;
}

// A batch that the job has given up is not tried again.
Status DropFailed(store::RegisteredReads& rows, const Uuid& id,
                  std::vector<BatchRow>* batches) {
  std::vector<BatchRow> rest;
  for (BatchRow& batch : *batches) {
    SR_ASSIGN_OR_RETURN(const bool failed, rows.HasFailed(id, batch.batch_id));
    if (!failed) rest.push_back(std::move(batch));
  }
  *batches = std::move(rest);
  return OkStatus();
}

class JobsImpl final : public Jobs {
 public:
  JobsImpl(store::Store& store, batching::Engine& engine, const Clock& clock,
           Metrics& metrics)
      : store_(store),
        engine_(engine),
        clock_(clock),
        moved_(metrics.GetCounter("strongroom_rewrap_batches_total",
                                  "Registered batches moved by rewrap jobs.")),
        failed_(metrics.GetCounter("strongroom_rewrap_failures_total",
                                   "Registered batches that rewrap jobs could "
                                   "not move.")),
        open_(metrics.GetGauge("strongroom_rewrap_jobs",
                               "Rewrap jobs that run or are paused.")) {}

  StatusOr<Job> Start(const Uuid& key_id, const JobOptions& options,
                      const std::string& caller) override;
  StatusOr<Job> Preview(const Uuid& key_id, const JobOptions& options) override;
  StatusOr<Job> Get(const Uuid& key_id, const Uuid& id) override;
  StatusOr<std::vector<Job>> List(const Uuid& key_id) override;
  StatusOr<Job> Move(const Uuid& key_id, const Uuid& id, JobMove move) override;
  milliseconds RunDue() override;

 private:
  // Turn is what this process knows of a job that it works on.
  struct Turn {
    store::Lease lease;
    // Where the pass over the versions stands.
    uint32_t version = 0;
    std::optional<Uuid> after;
    SteadyTime not_before{};
  };
  struct Chunk {
    JobRow job;
    std::vector<BatchRow> batches;  // to be moved now
    // Where the pass goes on; no version: it is over.
    uint32_t version = 0;
    std::optional<Uuid> after;
  };

  milliseconds RunOne(const Uuid& id, SteadyTime end);
  Status TakeLease(const Uuid& id, Turn* turn);
  // Step moves one chunk, or ends the pass. True: there is more to do now.
  StatusOr<bool> Step(const Uuid& id, Turn* turn);
  StatusOr<Chunk> NextChunk(const Uuid& id, const Turn& turn);
  std::vector<MovedBatch> RewrapOnToken(const Uuid& id,
                                        const std::vector<BatchRow>& batches);
  StatusOr<bool> EndPass(const Uuid& id, Turn* turn);
  // InJob runs `change` in a transaction on a job that this process may go on
  // with: it runs, and the lease is still ours.
  Status InJob(
      const Uuid& id, const Turn& turn,
      const std::function<Status(store::Transaction&, JobRow*)>& change);
  void NoteWaiting(const Uuid& id, const Turn& turn, const Status& why);

  store::Store& store_;
  batching::Engine& engine_;
  const Clock& clock_;
  Counter& moved_;
  Counter& failed_;
  Gauge& open_;
  // Names this process in leases.
  const std::string holder_ = Uuid::Random().ToString();
  std::map<Uuid, Turn> turns_;  // RunDue's alone
};

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
    SR_ASSIGN_OR_RETURN(const auto open, t.registered().OpenJobs());
    const auto other = std::ranges::find(open, key_id, &JobRow::key_id);
    if (other != open.end()) {
      return WrongState(*other, "the key's job finished or cancelled first");
    }
    SR_ASSIGN_OR_RETURN(job, Plan(t, key_id, options, clock_.Now()));
    job.row.id = id;
    job.row.created_by = caller;
    return t.registered().PutJob(job.row);
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
                        t.registered().JobFailures(id, kMaxFailuresShown));
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
                        t.registered().JobsOf(key_id, kMaxJobsListed));
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
    return t.registered().PutJob(row);
  });
  SR_RETURN_IF_ERROR(stored);
  return Get(key_id, id);
}

milliseconds JobsImpl::RunDue() {
  std::vector<JobRow> open;
  const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(open, t.registered().OpenJobs());
    return OkStatus();
  });
  if (!read.ok()) {
    log::Warning("rewrap jobs cannot be read", {{"error", read}});
    return kIdle;
  }
  open_.Set(static_cast<double>(open.size()));
  std::erase_if(
      open, [](const JobRow& job) { return job.state != JobState::kRunning; });
  std::erase_if(turns_, [&](const auto& turn) {
    return std::ranges::find(open, turn.first, &JobRow::id) == open.end();
  });
  milliseconds next = kIdle;
  for (const JobRow& job : open) {
    // Each has its part of the time, whatever the others do.
    const SteadyTime end =
        clock_.Steady() + kTurn / static_cast<int>(open.size());
    next = std::min(next, RunOne(job.id, end));
  }
  return next;
}

milliseconds JobsImpl::RunOne(const Uuid& id, SteadyTime end) {
  Turn& turn = turns_[id];
  const auto left = [&] {
    return std::chrono::ceil<milliseconds>(
        std::max(turn.not_before - clock_.Steady(), SteadyTime::duration(0)));
  };
  if (left().count() > 0) return left();
  if (Status taken = TakeLease(id, &turn); !taken.ok()) {
    turn.not_before = clock_.Steady() + kRetryAfter;
    return kRetryAfter;
  }
  do {
    StatusOr<bool> more = Step(id, &turn);
    if (!more.ok()) {
      const Reason reason = ReasonOf(more.status());
      if (reason == Reason::kJobState || reason == Reason::kJobNotFound) {
        return kIdle;
      }
      NoteWaiting(id, turn, more.status());
      turn.not_before = clock_.Steady() + kRetryAfter;
    } else if (!*more) {
      return kIdle;
    }
  } while (left().count() == 0 && clock_.Steady() < end);
  return left();
}

Status JobsImpl::TakeLease(const Uuid& id, Turn* turn) {
  return store_.Update([&](store::Transaction& t) -> Status {
    const WallTime now = clock_.Now();
    SR_ASSIGN_OR_RETURN(turn->lease, t.TakeLease(LeaseName(id), holder_, now,
                                                 now + kLeaseTime));
    return OkStatus();
  });
}

StatusOr<JobsImpl::Chunk> JobsImpl::NextChunk(const Uuid& id,
                                              const Turn& turn) {
  Chunk chunk;
  const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
    chunk = {};
    SR_ASSIGN_OR_RETURN(chunk.job, ReadJob(t, id));
    if (chunk.job.state != JobState::kRunning) return Stopped(chunk.job);
    SR_ASSIGN_OR_RETURN(const auto sources,
                        SourcesOf(t, chunk.job.key_id, chunk.job.from));
    size_t limit = kChunk;
    if (chunk.job.batches_per_second > 0) {
      limit = std::clamp<size_t>(chunk.job.batches_per_second / 4, 1, kChunk);
    }
    for (const CensusRow& source : sources) {
      if (source.version < turn.version) continue;
      chunk.version = source.version;
      chunk.after.reset();
      if (source.version == turn.version) chunk.after = turn.after;
      SR_ASSIGN_OR_RETURN(chunk.batches, t.registered().ListBatches(
                                             chunk.job.key_id, source.version,
                                             chunk.after, limit));
      if (chunk.batches.empty()) continue;
      chunk.after = chunk.batches.back().batch_id;
      return DropFailed(t.registered(), id, &chunk.batches);
    }
    chunk.version = 0;
    return OkStatus();
  });
  SR_RETURN_IF_ERROR(read);
  return chunk;
}

std::vector<MovedBatch> JobsImpl::RewrapOnToken(
    const Uuid& id, const std::vector<BatchRow>& batches) {
  std::vector<MovedBatch> moved;
  auto request = std::make_unique<batching::RewrapRequest>();
  request->caller = LeaseName(id);
  request->work_class = batching::WorkClass::kBackground;
  request->deadline = clock_.Steady() + kTokenTime;
  for (const BatchRow& batch : batches) {
    batching::RewrapItem& item = request->items.emplace_back();
    StatusOr<envelope::Header> header = envelope::ParseHeader(batch.header);
    if (!header.ok()) {
      item.status = header.status();
    } else if (header->batch_id != batch.batch_id ||
               header->key_id != batch.key_id ||
               header->key_version != batch.version) {
      item.status = Error(Reason::kStoreCorrupt,
                          "the row of batch " + batch.batch_id.ToString() +
                              " and its header do not belong together");
    } else {
      item.header = *std::move(header);
    }
    moved.push_back({batch, {}, OkStatus()});
  }
  std::promise<std::unique_ptr<batching::RewrapRequest>> promise;
  request->done = [&](std::unique_ptr<batching::RewrapRequest> done) {
    promise.set_value(std::move(done));
  };
  engine_.Rewrap(std::move(request));
  const auto done = promise.get_future().get();
  for (size_t i = 0; i < moved.size(); ++i) {
    moved[i].header = std::move(done->items[i].header);
    moved[i].status = std::move(done->items[i].status);
  }
  return moved;
}

Status JobsImpl::InJob(
    const Uuid& id, const Turn& turn,
    const std::function<Status(store::Transaction&, JobRow*)>& change) {
  return store_.Update([&](store::Transaction& t) -> Status {
    const WallTime now = clock_.Now();
    SR_RETURN_IF_ERROR(t.CheckLease(turn.lease, now));
    SR_ASSIGN_OR_RETURN(JobRow job, ReadJob(t, id));
    if (job.state != JobState::kRunning) return Stopped(job);
    SR_RETURN_IF_ERROR(change(t, &job));
    // Progress keeps the lease.
    return t
        .TakeLease(turn.lease.name, turn.lease.holder, now, now + kLeaseTime)
        .status();
  });
}

StatusOr<bool> JobsImpl::Step(const Uuid& id, Turn* turn) {
  CrashPoint("rewrap/begin");
  SR_ASSIGN_OR_RETURN(Chunk chunk, NextChunk(id, *turn));
  if (chunk.version == 0) return EndPass(id, turn);
  const auto advance = [&] {
    turn->version = chunk.version;
    turn->after = chunk.after;
    return true;
  };
  if (chunk.batches.empty()) return advance();  // all of it was given up
  const std::vector<MovedBatch> moved = RewrapOnToken(id, chunk.batches);
  CrashPoint("rewrap/sealed");
  const auto waiting = std::ranges::find_if(moved, [](const MovedBatch& one) {
    return !one.status.ok() && !IsFinal(one.status);
  });
  JobRow before, after;
  const Status stored =
      InJob(id, *turn, [&](store::Transaction& t, JobRow* job) -> Status {
        before = *job;
        if (waiting == moved.end()) job->waits_for.clear();
        SR_RETURN_IF_ERROR(StoreMoved(t, moved, clock_.Now(), job));
        after = *job;
        return OkStatus();
      });
  SR_RETURN_IF_ERROR(stored);
  CrashPoint("rewrap/stored");
  moved_.Add(static_cast<double>(after.batches_moved - before.batches_moved));
  failed_.Add(static_cast<double>(after.failures - before.failures));
  // What has to wait is met again, as the pass does not go on behind it.
  if (waiting != moved.end()) return waiting->status;
  if (chunk.job.batches_per_second > 0) {
    turn->not_before = clock_.Steady() + std::chrono::microseconds(
                                             chunk.batches.size() * 1'000'000 /
                                             chunk.job.batches_per_second);
  }
  return advance();
}

StatusOr<bool> JobsImpl::EndPass(const Uuid& id, Turn* turn) {
  bool ended = false;
  JobRow job;
  const Status stored =
      InJob(id, *turn, [&](store::Transaction& t, JobRow* row) -> Status {
        SR_ASSIGN_OR_RETURN(ended, StoreEnd(t, clock_.Now(), row));
        job = *row;
        return OkStatus();
      });
  SR_RETURN_IF_ERROR(stored);
  CrashPoint("rewrap/ended");
  turn->version = 0;
  turn->after.reset();
  if (!ended) return true;
  log::Info("a rewrap job has ended", {{"job", id.ToString()},
                                       {"state", JobStateName(job.state)},
                                       {"batches", job.batches_moved},
                                       {"deks", job.deks_moved},
                                       {"failures", job.failures}});
  const Status released = store_.Update(
      [&](store::Transaction& t) { return t.ReleaseLease(turn->lease); });
  if (!released.ok()) {
    log::Warning("the lease of an ended job stays until it runs out",
                 {{"error", released}});
  }
  return false;
}

// The job's row says what it waits for, for those who watch it.
void JobsImpl::NoteWaiting(const Uuid& id, const Turn& turn,
                           const Status& why) {
  const std::string text = std::string(ReasonName(ReasonOf(why))) + ": " +
                           std::string(MessageOf(why));
  bool changed = false;
  const Status stored =
      InJob(id, turn, [&](store::Transaction& t, JobRow* job) -> Status {
        changed = job->waits_for != text;
        if (!changed) return OkStatus();
        job->waits_for = text;
        return t.registered().PutJob(*job);
      });
  // Said once for each cause, not once a second.
  if (stored.ok() && !changed) return;
  log::Warning("a rewrap job has to wait",
               {{"job", id.ToString()}, {"error", why}});
  if (!stored.ok()) {
    log::Warning("a rewrap job cannot be noted as waiting",
                 {{"error", stored}});
  }
}

}  // namespace

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
  SR_ASSIGN_OR_RETURN(std::vector<JobRow> open, t.registered().OpenJobs());
  const auto unfinished = std::ranges::find(open, key_id, &JobRow::key_id);
  if (unfinished == open.end()) {
    SR_ASSIGN_OR_RETURN(Job job, Plan(t, key_id, {}, now));
    job.row.id = Uuid::Random();
    job.row.created_by = "rotation";
    return t.registered().PutJob(job.row);
  }
  // It goes to the newest primary as it is.
  if (unfinished->from.empty()) return OkStatus();
  unfinished->from.clear();
  return t.registered().PutJob(*unfinished);
}

std::unique_ptr<Jobs> CreateJobs(store::Store& store, batching::Engine& engine,
                                 const Clock& clock, Metrics& metrics) {
  return std::make_unique<JobsImpl>(store, engine, clock, metrics);
}

}  // namespace strongroom::registry
