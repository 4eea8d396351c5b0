// Queues: what waits for the token, and which of it may start now.
//
// Items that one token operation can serve together form a group: a key's
// seals, or the opens (or rewraps) of one header. Every caller with items in a
// group holds one place there, which is its ticket in Turns. A group that may
// not start is parked: its places leave Turns until it may. Foreground and
// background have Turns of their own, and Share says when the background is
// first.
// Thread rule: not thread-safe; the Dispatcher's mutex guards it.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "batching/share.h"
#include "batching/turns.h"
#include "batching/work.h"

namespace strongroom::batching {

// Group names the items that share a token operation, and their rules.
struct GroupName {
  Operation operation = Operation::kSeal;
  Uuid key_id;
  std::string header;  // serialised; empty for seals
};
struct GroupRules {
  size_t max_items = SIZE_MAX;  // a batch of so many is full
  int max_partial = 1;          // batches in flight that are not full
};

// Entry is what is queued: a slice, and the group it belongs to.
struct Entry {
  GroupName group;
  GroupRules rules;
  Slice slice;
  size_t bytes = 0;  // of secrets and contexts
};

class Queues {
 public:
  // A Group lives while items of it wait or a batch of it is in flight.
  struct Group;

  // Batch is what one token operation (a rewrap: two) is to serve.
  struct Batch {
    Group* group = nullptr;  // the queues'; lives until Release
    Operation operation = Operation::kSeal;
    WorkClass work_class = WorkClass::kForeground;  // whose turn it took
    Uuid key_id;
    int cost = 1;  // token operations
    std::vector<Slice> slices;
    size_t items = 0;
    bool partial = true;
  };

  // `background_share`: percent, for background work that names none.
  explicit Queues(int background_share);
  ~Queues();

  // Push queues an entry. Its rules are the group's from now on.
  void Push(Entry entry);
  // Next takes the batch whose turn it is among those that may start; of the
  // background only what is due to it, unless `background_has_room`. Items past
  // their deadline, met on the way, go to `expired` instead.
  std::optional<Batch> Next(SteadyTime now, bool background_has_room,
                            std::vector<Slice>* expired);
  // Release says that a batch has left the token.
  void Release(const Batch& batch);

  // DropExpired moves out everything past its deadline; TakeAll everything.
  void DropExpired(SteadyTime now, std::vector<Slice>* expired);
  void TakeAll(std::vector<Slice>* taken);

  size_t items() const { return waiting_[0].items + waiting_[1].items; }
  size_t items(WorkClass of) const { return waiting_[Index(of)].items; }
  size_t bytes(WorkClass of) const { return waiting_[Index(of)].bytes; }

 private:
  struct Part {
    Slice slice;
    size_t bytes;
  };
  struct Place;
  struct Waiting {
    size_t items = 0;
    size_t bytes = 0;
  };

  static size_t Index(WorkClass of) { return static_cast<size_t>(of); }
  Waiting& waiting(const Slice& slice) {
    return waiting_[Index(slice.work->work_class)];
  }
  Turns& turns(WorkClass of) { return turns_[Index(of)]; }
  std::optional<Batch> NextOf(WorkClass work_class, SteadyTime now,
                              std::vector<Slice>* expired);
  void Charge(WorkClass work_class, int cost);
  static bool MayStart(const Group& group);
  void Unpark(Group* group);
  void Take(Group* group, Place* first, SteadyTime now, Batch* batch,
            std::vector<Slice>* expired);
  void TakeFrom(Group* group, Place* place, SteadyTime now, Batch* batch,
                std::vector<Slice>* expired);
  void DropExpiredFront(Group* group, Place* place, SteadyTime now,
                        std::vector<Slice>* expired);
  void DropExpiredFrom(Group* group, Place* place, SteadyTime now,
                       std::vector<Slice>* expired);
  void Forget(Group* group, Part* part);
  void ErasePlace(Group* group, Place* place);
  void EraseIfIdle(Group* group);

  const int background_share_;
  std::array<Turns, kWorkClasses> turns_;  // by WorkClass
  Share share_;
  // Keyed by operation, key and header.
  std::unordered_map<std::string, std::unique_ptr<Group>> groups_;
  std::array<Waiting, kWorkClasses> waiting_;  // by WorkClass
};

}  // namespace strongroom::batching
