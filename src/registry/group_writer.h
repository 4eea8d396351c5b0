// GroupWriter: one thread that writes what waits in one transaction.
#pragma once

#include <deque>
#include <functional>
#include <thread>

#include "strongroom/base/metrics.h"
#include "strongroom/base/mutex.h"
#include "strongroom/store/store.h"

namespace strongroom::registry {

// Thread-safe. The callbacks of a change run on the writer's thread.
class GroupWriter {
 public:
  struct Change {
    // May run more than once; must set its results anew each time. A failure
    // undoes this change and no other.
    std::function<Status(store::Transaction&)> apply;
    // Runs exactly once: OK if the change is durable.
    std::function<void(const Status&)> done;
    size_t weight = 1;
  };

  GroupWriter(store::Store& store, Metrics& metrics, size_t max_waiting,
              size_t max_group);
  ~GroupWriter() { Stop(); }

  // Submit may run `done` at once: QUEUE_FULL, DRAINING.
  void Submit(Change change) SR_EXCLUDES(mutex_);
  // Stop writes what waits, and returns when that is done.
  void Stop() SR_EXCLUDES(mutex_);

 private:
  using Group = std::deque<Change>;
  void Run() SR_EXCLUDES(mutex_);
  Group TakeGroup() SR_EXCLUDES(mutex_);
  void Write(Group& group);

  store::Store& store_;
  const size_t max_waiting_;
  const size_t max_group_;
  Counter& commits_;
  Counter& changes_;

  Mutex mutex_;
  CondVar work_;
  Group waiting_ SR_GUARDED_BY(mutex_);
  size_t weight_ SR_GUARDED_BY(mutex_) = 0;
  bool stopping_ SR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace strongroom::registry
