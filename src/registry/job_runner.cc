// The work of rewrap jobs: what one timer does, again and again.
//
// A chunk of batches goes through three places: read from the store, opened and
// sealed anew on the token, written back. While one is written, the token has
// the next.
#include <algorithm>
#include <utility>

#include "registry/jobs_impl.h"
#include "registry/rows.h"
#include "strongroom/base/crash_points.h"
#include "strongroom/base/log.h"

namespace strongroom::registry {
namespace {

using std::chrono::milliseconds;
using store::BatchRow;
using store::CensusRow;
using store::JobRow;

constexpr std::chrono::seconds kLeaseTime{30};
// Batches in one transaction, and on the token at a time; and DEKs, of which
// each is read in that transaction while other writers wait.
constexpr size_t kChunk = 512;
constexpr uint32_t kChunkDeks = 16384;
constexpr milliseconds kTurn{500};
// So long a new job may wait; to look for one takes some 20 us.
constexpr milliseconds kIdle{50};
constexpr milliseconds kRetryAfter{1000};
// Less than the lease: what the token did in that time can still be stored.
constexpr std::chrono::seconds kTokenTime{20};

std::string LeaseName(const Uuid& id) { return "job/" + id.ToString(); }

// Stopped ends a turn without being a failure.
Status Stopped(const JobRow& job) { return WrongState(job, "RUNNING"); }

// A batch that the job has given up is not tried again.
Status DropFailed(store::ReadTransaction& t, const Uuid& id,
                  std::vector<BatchRow>* batches) {
  SR_ASSIGN_OR_RETURN(const std::vector<Uuid> failed,
                      t.jobs().FailedOf(id, IdsOf(*batches)));
  std::erase_if(*batches, [&](const BatchRow& batch) {
    return std::ranges::find(failed, batch.batch_id) != failed.end();
  });
  return OkStatus();
}

// HeaderOf is STORE_CORRUPT if row and header do not belong together.
StatusOr<envelope::Header> HeaderOf(const BatchRow& batch) {
  SR_ASSIGN_OR_RETURN(envelope::Header header,
                      envelope::ParseHeader(batch.header));
  if (header.batch_id == batch.batch_id && header.key_id == batch.key_id &&
      header.key_version == batch.version) {
    return header;
  }
  return Error(Reason::kStoreCorrupt,
               "the row of batch " + batch.batch_id.ToString() +
                   " and its header do not belong together");
}

// LimitFor is about how many batches have as many DEKs as fit a chunk.
size_t LimitFor(const CensusRow& source, size_t most) {
  const uint64_t fit =
      kChunkDeks * source.batches / std::max<uint64_t>(source.deks, 1);
  return std::clamp<uint64_t>(fit, 1, most);
}

// Not more DEKs than fit a chunk; but one batch, however many it has.
void CutToSize(std::vector<BatchRow>* batches) {
  uint32_t deks = 0;
  const auto end = std::ranges::find_if(*batches, [&](const BatchRow& batch) {
    const bool first = deks == 0;
    deks += batch.deks;
    return !first && deks > kChunkDeks;
  });
  batches->erase(end, batches->end());
}

std::vector<MovedBatch> MovedOf(const std::vector<BatchRow>& batches,
                                batching::RewrapRequest& done) {
  std::vector<MovedBatch> moved;
  moved.reserve(batches.size());
  for (size_t i = 0; i < batches.size(); ++i) {
    moved.push_back({batches[i], std::move(done.items[i].header),
                     std::move(done.items[i].status)});
  }
  return moved;
}

}  // namespace

milliseconds JobsImpl::RunDue() {
  std::vector<JobRow> open;
  const Status read = store_.Read([&](store::ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(open, t.jobs().OpenJobs());
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
    StatusOr<bool> more = Step(id, end, &turn);
    if (!more.ok()) {
      turn.ahead.reset();
      const Reason reason = ReasonOf(more.status());
      if (reason == Reason::kJobState || reason == Reason::kJobNotFound) {
        return kIdle;
      }
      NoteWaiting(id, turn, more.status());
      turn.not_before = clock_.Steady() + kRetryAfter;
    } else if (!*more) {
      return kIdle;
    }
  } while (turn.ahead || (left().count() == 0 && clock_.Steady() < end));
  return left();
}

Status JobsImpl::TakeLease(const Uuid& id, Turn* turn) {
  return store_.Update([&](store::Transaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(turn->lease, t.TakeLease(LeaseName(id), kLeaseTime));
    return OkStatus();
  });
}

StatusOr<JobsImpl::Chunk> JobsImpl::NextChunk(const Uuid& id, const Turn& turn,
                                              const Place& place) {
  SR_ASSIGN_OR_RETURN(Chunk chunk, ReadChunk(id, place));
  const auto unknown = [](const BatchRow& batch) {
    return batch.leaves.empty();
  };
  if (std::ranges::none_of(chunk.batches, unknown)) return chunk;
  std::vector<BatchRow> noted;
  SR_RETURN_IF_ERROR(InJob(id, turn, [&](store::Transaction& t, JobRow*) {
    noted = chunk.batches;
    return NoteLeaves(t, &noted);
  }));
  chunk.batches = std::move(noted);
  return chunk;
}

StatusOr<JobsImpl::Chunk> JobsImpl::ReadChunk(const Uuid& id,
                                              const Place& place) {
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
      if (source.version < place.version) continue;
      chunk.next = {source.version, std::nullopt};
      if (source.version == place.version) chunk.next.after = place.after;
      SR_ASSIGN_OR_RETURN(
          chunk.batches,
          t.deks().ListBatches(chunk.job.key_id, source.version,
                               chunk.next.after, LimitFor(source, limit)));
      if (chunk.batches.empty()) continue;
      CutToSize(&chunk.batches);
      chunk.next.after = chunk.batches.back().batch_id;
      if (chunk.job.failures > 0) {
        SR_RETURN_IF_ERROR(DropFailed(t, id, &chunk.batches));
      }
      return OkStatus();
    }
    chunk.next = {};
    return OkStatus();
  });
  SR_RETURN_IF_ERROR(read);
  return chunk;
}

JobsImpl::Sent JobsImpl::Send(const Uuid& id, Chunk chunk) {
  auto request = std::make_unique<batching::RewrapRequest>();
  request->caller = LeaseName(id);
  request->work_class = batching::WorkClass::kBackground;
  request->share = static_cast<int>(chunk.job.min_share);
  request->deadline = clock_.Steady() + kTokenTime;
  for (const BatchRow& batch : chunk.batches) {
    batching::RewrapItem& item = request->items.emplace_back();
    StatusOr<envelope::Header> header = HeaderOf(batch);
    item.status = header.status();
    if (header.ok()) item.header = *std::move(header);
  }
  // Shared, as a chunk that was sent ahead may be given up.
  auto promise = std::make_shared<
      std::promise<std::unique_ptr<batching::RewrapRequest>>>();
  Sent sent{std::move(chunk), promise->get_future()};
  request->done = [promise](std::unique_ptr<batching::RewrapRequest> done) {
    promise->set_value(std::move(done));
  };
  rewrap_(std::move(request));
  return sent;
}

Status JobsImpl::InJob(
    const Uuid& id, const Turn& turn,
    const std::function<Status(store::Transaction&, JobRow*)>& change) {
  return store_.Update([&](store::Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.CheckLease(turn.lease));
    SR_ASSIGN_OR_RETURN(JobRow job, ReadJob(t, id));
    if (job.state != JobState::kRunning) return Stopped(job);
    SR_RETURN_IF_ERROR(change(t, &job));
    // Progress keeps the lease.
    return t.TakeLease(turn.lease.name, kLeaseTime).status();
  });
}

StatusOr<bool> JobsImpl::Step(const Uuid& id, SteadyTime end, Turn* turn) {
  CrashPoint("rewrap/begin");
  std::optional<Sent> sent = std::exchange(turn->ahead, std::nullopt);
  if (!sent) {
    SR_ASSIGN_OR_RETURN(Chunk chunk, NextChunk(id, *turn, turn->place));
    if (chunk.next.version == 0) return EndPass(id, turn);
    if (chunk.batches.empty()) {  // all of it was given up
      turn->place = chunk.next;
      return true;
    }
    sent = Send(id, std::move(chunk));
  }
  const Chunk& chunk = sent->chunk;
  const uint32_t rate = chunk.job.batches_per_second;
  // Read while the token works. What is wrong with it is found next time.
  StatusOr<Chunk> next = Error(Reason::kCancelled, "not looked for");
  if (rate == 0 && clock_.Steady() < end) {
    next = NextChunk(id, *turn, chunk.next);
  }
  const auto done = sent->done.get();
  if (next.ok() && !next->batches.empty()) {
    turn->ahead = Send(id, *std::move(next));
  }
  const std::vector<MovedBatch> moved = MovedOf(chunk.batches, *done);
  CrashPoint("rewrap/sealed");
  SR_RETURN_IF_ERROR(Store(id, moved, *turn));
  CrashPoint("rewrap/stored");
  if (rate > 0) {
    turn->not_before =
        clock_.Steady() +
        std::chrono::microseconds(chunk.batches.size() * 1'000'000 / rate);
  }
  turn->place = chunk.next;
  return true;
}

// What has to wait is met again, as the pass does not go on behind it: that is
// a failure, with the rest stored.
Status JobsImpl::Store(const Uuid& id, const std::vector<MovedBatch>& moved,
                       const Turn& turn) {
  const auto waiting = std::ranges::find_if(moved, [](const MovedBatch& one) {
    return !one.status.ok() && !IsFinal(one.status);
  });
  JobRow before, after;
  const Status stored =
      InJob(id, turn, [&](store::Transaction& t, JobRow* job) -> Status {
        before = *job;
        if (waiting == moved.end()) job->waits_for.clear();
        SR_RETURN_IF_ERROR(StoreMoved(t, moved, clock_.Now(), job));
        after = *job;
        return OkStatus();
      });
  SR_RETURN_IF_ERROR(stored);
  moved_.Add(static_cast<double>(after.batches_moved - before.batches_moved));
  failed_.Add(static_cast<double>(after.failures - before.failures));
  return waiting == moved.end() ? OkStatus() : waiting->status;
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
  turn->place = {};
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
  const StatusOr<std::string> report = Report(job.key_id, id);
  if (!report.ok()) {
    log::Warning("the report of a rewrap job is not made yet",
                 {{"job", id.ToString()}, {"error", report.status()}});
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
        return t.jobs().PutJob(*job);
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

}  // namespace strongroom::registry
