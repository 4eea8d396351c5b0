// Rewrap jobs: each moves a key's registered batches to its primary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"

namespace strongroom::model {

// The numbers are stored: never reuse one.
enum class JobState : uint8_t {
  kRunning = 1,
  kPaused = 2,
  kDone = 3,     // nothing is left under the versions it was to empty
  kPartial = 4,  // but for batches that cannot be moved: its failures
  kCancelled = 5,
};
// StateName is the word for people and the API: "RUNNING", ...; "UNKNOWN" for
// a number that is no state.
std::string_view StateName(JobState state);
// HasEnded: nothing changes the job any more.
bool HasEnded(JobState state);

struct JobOptions {
  std::vector<uint32_t> from{};     // none: every version below the primary
  uint32_t batches_per_second = 0;  // at most; 0: no limit
  // Percent of the token operations at least, however much the foreground wants
  // (batching/engine.h: kMinBackgroundShare to kMax); 0: the engine's.
  uint32_t min_share = 0;
  friend bool operator==(const JobOptions&, const JobOptions&) = default;
};

// JobFailure is a batch that a job cannot move, and why.
struct JobFailure {
  Uuid batch_id{};
  std::string reason{};
  std::string message{};
  friend bool operator==(const JobFailure&, const JobFailure&) = default;
};

struct Job {
  Uuid id{};  // nil: of a dry run
  Uuid key_id{};
  JobState state = JobState::kRunning;
  JobOptions options{};
  std::string created_by{};
  WallTime created{};
  WallTime updated{};  // its newest progress
  std::optional<WallTime> finished{};
  // What was under those versions when it began. More may have come since.
  uint64_t batches_total = 0;
  uint64_t deks_total = 0;
  uint64_t batches_moved = 0;
  uint64_t deks_moved = 0;
  uint64_t failure_count = 0;
  std::string waits_for{};  // what keeps it from going on now, or empty
  // Filled in where a job is answered: what is under its versions now, those
  // that cannot be moved included, and the first failures.
  uint64_t batches_left = 0;
  uint64_t deks_left = 0;
  std::vector<JobFailure> failures{};
  friend bool operator==(const Job&, const Job&) = default;
};

}  // namespace strongroom::model
