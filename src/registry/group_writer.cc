#include "registry/group_writer.h"

#include <utility>

namespace strongroom::registry {

GroupWriter::GroupWriter(store::Store& store, Metrics& metrics,
                         size_t max_waiting, size_t max_group)
    : store_(store),
      max_waiting_(max_waiting),
      max_group_(max_group),
      commits_(
          metrics.GetCounter("strongroom_registry_commits_total",
                             "Transactions that wrote registering calls.")),
      changes_(metrics.GetCounter("strongroom_registry_changes_total",
                                  "Registering calls that were written.")),
      thread_([this] { Run(); }) {}

void GroupWriter::Submit(Change change) {
  Status refused;
  {
    MutexLock lock(mutex_);
    if (stopping_) {
      refused = Error(Reason::kDraining, "the service is shutting down");
    } else if (weight_ > 0 && weight_ + change.weight > max_waiting_) {
      refused = Error(Reason::kQueueFull,
                      "too many DEKs wait to be registered; send fewer at once "
                      "and try again",
                      std::chrono::milliseconds(100));
    } else {
      weight_ += change.weight;
      waiting_.push_back(std::move(change));
      work_.Signal();
      return;
    }
  }
  change.done(refused);
}

void GroupWriter::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void GroupWriter::Run() {
  for (;;) {
    Group group = TakeGroup();
    if (group.empty()) return;
    Write(group);
  }
}

// TakeGroup waits for work; it is empty only when there is none and none will
// come. Nobody waits for company: what came while the last group was written is
// the next one.
GroupWriter::Group GroupWriter::TakeGroup() {
  MutexLock lock(mutex_);
  while (waiting_.empty() && !stopping_) work_.Wait(mutex_);
  Group group;
  size_t weight = 0;
  while (!waiting_.empty() &&
         (group.empty() || weight + waiting_.front().weight <= max_group_)) {
    weight += waiting_.front().weight;
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  weight_ -= weight;
  return group;
}

void GroupWriter::Write(Group& group) {
  bool refused = false;  // by one of the changes, not by the disk
  const Status status = store_.Update([&](store::Transaction& t) -> Status {
    refused = false;
    for (Change& change : group) {
      if (Status applied = change.apply(t); !applied.ok()) {
        refused = true;
        return applied;
      }
    }
    return OkStatus();
  });
  if (!status.ok() && refused && group.size() > 1) {
    // All was undone: each alone, so that one's failure is its own.
    for (Change& change : group) {
      Group alone;
      alone.push_back(std::move(change));
      Write(alone);
    }
    return;
  }
  if (status.ok()) {
    commits_.Add();
    changes_.Add(static_cast<double>(group.size()));
  }
  for (Change& change : group) change.done(status);
}

}  // namespace strongroom::registry
