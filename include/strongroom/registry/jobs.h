// Rewrap jobs: move every registered batch of a key to its primary version, two
// token operations and one row each, while the service goes on.
//
// A job is a row and survives its process; whoever runs it holds a lease, and
// every transaction that moves batches is fenced by it. A batch is moved in the
// transaction that counts it, and only if it still is what was rewrapped: so
// none is moved twice or lost. A job ends in a transaction that finds nothing
// left under its versions and closes them: what was sealed under one and comes
// to be registered later is refused, and sealed again under the primary.
// Thread rule: thread-safe; RunDue is for one caller at a time. All block.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/metrics.h"
#include "strongroom/batching/requests.h"
#include "strongroom/registry/job_report.h"
#include "strongroom/store/store.h"

namespace strongroom::registry {

using store::JobState;
// JobStateName is the word for people and the API: "RUNNING", ...
std::string_view JobStateName(JobState state);

struct JobOptions {
  std::vector<uint32_t> from;       // none: every version below the primary
  uint32_t batches_per_second = 0;  // at most; 0: no limit
  // Percent of the token operations at least, however much the foreground wants
  // (batching/requests.h: kMinBackgroundShare to kMax); 0: the engine's.
  uint32_t min_share = 0;
};
struct Job {
  store::JobRow row;
  // Under its versions now, those that cannot be moved included.
  uint64_t batches_left = 0;
  uint64_t deks_left = 0;
  std::vector<store::JobFailureRow> failures;  // the first kMaxFailuresShown
};
inline constexpr size_t kMaxFailuresShown = 100;
inline constexpr size_t kMaxJobsListed = 100;

enum class JobMove { kPause, kResume, kCancel };

class Jobs {
 public:
  virtual ~Jobs() = default;

  // Start makes a job. JOB_STATE if the key has an unfinished one, naming it;
  // VERSION_NOT_FOUND, ARGUMENT_INVALID (the primary or a newer version) for
  // `from`; ARGUMENT_INVALID for a share out of bounds; KEY_NOT_FOUND, STORE_*.
  virtual StatusOr<Job> Start(const Uuid& key_id, const JobOptions& options,
                              const std::string& caller) = 0;
  // Preview says what Start would begin with; the id is nil.
  virtual StatusOr<Job> Preview(const Uuid& key_id,
                                const JobOptions& options) = 0;
  // JOB_NOT_FOUND if the key has no such job.
  virtual StatusOr<Job> Get(const Uuid& key_id, const Uuid& id) = 0;
  // The newest first, at most kMaxJobsListed, without failures.
  virtual StatusOr<std::vector<Job>> List(const Uuid& key_id) = 0;
  // Move: JOB_STATE if the state forbids it. To pause or cancel takes back
  // nothing that was moved.
  virtual StatusOr<Job> Move(const Uuid& key_id, const Uuid& id,
                             JobMove move) = 0;

  // Report gives the signed report of a job that has ended (job_report.h): made
  // at its end, or now if that failed, and then always the same. JOB_NOT_FOUND;
  // JOB_STATE until it has ended; what the signer fails with.
  virtual StatusOr<std::string> Report(const Uuid& key_id, const Uuid& id) = 0;

  // RunDue works on the jobs that run, for about half a second; gives how long
  // to wait before the next call. What fails because of token or store is
  // tried again; what cannot ever be moved becomes a failure of the job.
  virtual std::chrono::milliseconds RunDue() = 0;
};

// StartInRotation starts a job for a key in the transaction that gives it a new
// primary. An unfinished job of the key is widened to all versions below it.
Status StartInRotation(store::Transaction& transaction, const Uuid& key_id,
                       WallTime now);

// RewrapHeaders is Engine::Rewrap.
using RewrapHeaders =
    std::function<void(std::unique_ptr<batching::RewrapRequest>)>;

// CreateJobs: everything given outlives it.
std::unique_ptr<Jobs> CreateJobs(store::Store& store, RewrapHeaders rewrap,
                                 const Clock& clock, Metrics& metrics,
                                 ReportSigner sign);

}  // namespace strongroom::registry
