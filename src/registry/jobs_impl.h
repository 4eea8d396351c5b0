// JobsImpl. Its parts: jobs.cc (what callers ask), job_runner.cc (the work).
#pragma once

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "registry/job_rows.h"
#include "strongroom/registry/jobs.h"

namespace strongroom::registry {

class JobsImpl final : public Jobs {
 public:
  JobsImpl(store::Store& store, RewrapHeaders rewrap, const Clock& clock,
           Metrics& metrics, ReportSigner sign)
      : store_(store),
        rewrap_(std::move(rewrap)),
        clock_(clock),
        sign_(std::move(sign)),
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
  StatusOr<std::string> Report(const Uuid& key_id, const Uuid& id) override;
  std::chrono::milliseconds RunDue() override;

 private:
  // Place is where a pass over the versions stands.
  struct Place {
    uint32_t version = 0;
    std::optional<Uuid> after;
  };
  struct Chunk {
    store::JobRow job;
    std::vector<store::BatchRow> batches;  // to be moved now
    Place next;  // where the pass goes on; no version: it is over
  };
  // Sent is a chunk that the token works on.
  struct Sent {
    Chunk chunk;
    std::future<std::unique_ptr<batching::RewrapRequest>> done;
  };
  // Turn is what this process knows of a job that it works on.
  struct Turn {
    store::Lease lease;
    Place place;
    // The chunk behind the one that is stored: token and disk work at once.
    std::optional<Sent> ahead;
    SteadyTime not_before{};
  };

  std::chrono::milliseconds RunOne(const Uuid& id, SteadyTime end);
  Status TakeLease(const Uuid& id, Turn* turn);
  // Step moves one chunk, or ends the pass. True: there is more to do now.
  // Until `end` it sends the next one ahead.
  StatusOr<bool> Step(const Uuid& id, SteadyTime end, Turn* turn);
  // NextChunk is what comes behind `place`, with all leaves noted.
  StatusOr<Chunk> NextChunk(const Uuid& id, const Turn& turn,
                            const Place& place);
  StatusOr<Chunk> ReadChunk(const Uuid& id, const Place& place);
  Sent Send(const Uuid& id, Chunk chunk);
  Status Store(const Uuid& id, const std::vector<MovedBatch>& moved,
               const Turn& turn);
  StatusOr<bool> EndPass(const Uuid& id, Turn* turn);
  // InJob runs `change` in a transaction on a job that this process may go on
  // with: it runs, and the lease is still ours.
  Status InJob(
      const Uuid& id, const Turn& turn,
      const std::function<Status(store::Transaction&, store::JobRow*)>& change);
  void NoteWaiting(const Uuid& id, const Turn& turn, const Status& why);

  store::Store& store_;
  const RewrapHeaders rewrap_;
  const Clock& clock_;
  const ReportSigner sign_;
  Counter& moved_;
  Counter& failed_;
  Gauge& open_;
  std::map<Uuid, Turn> turns_;  // RunDue's alone
};

// JOB_NOT_FOUND, JOB_STATE: one wording each.
Status JobNotFound(const Uuid& id);
Status WrongState(const store::JobRow& job, std::string_view wanted);
StatusOr<store::JobRow> ReadJob(store::ReadTransaction& t, const Uuid& id);

}  // namespace strongroom::registry
