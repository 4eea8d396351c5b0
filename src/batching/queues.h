// Queues: what waits for the token, and which of it may start now.
//
// Items that one token operation can serve together form a group: a key's
// seals, or the opens (or rewraps) of one header. Every caller with items in a
// group holds one place there, which is its ticket in Turns. A group that may
// not start is parked: its places leave Turns until it may.
// Thread rule: not thread-safe; the engine's lock guards it.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

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

class Queues {
 public:
  struct Group;

  // Batch is what one token operation (a rewrap: two) is to serve.
  struct Batch {
    Group* group = nullptr;  // give it back with Release
    Operation operation = Operation::kSeal;
    Uuid key_id;
    std::vector<Slice> slices;
    size_t items = 0;
    bool partial = true;
  };

  Queues();
  ~Queues();

  // Push queues a slice. The rules are the group's from now on.
  void Push(const GroupName& name, const GroupRules& rules, Slice slice,
            size_t bytes);
  // Next takes the batch whose turn it is among those that may start. What is
  // past its deadline on the way goes to `expired` instead.
  std::optional<Batch> Next(SteadyTime now, std::vector<Slice>* expired);
  // Release says that a batch has left the token.
  void Release(const Batch& batch);

  // DropExpired moves out everything past its deadline; TakeAll everything.
  void DropExpired(SteadyTime now, std::vector<Slice>* expired);
  void TakeAll(std::vector<Slice>* taken);

  size_t items() const { return items_; }
  size_t bytes() const { return bytes_; }

 private:
  struct Part {
    Slice slice;
    size_t bytes;
  };
  struct Place;

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

  Turns turns_;
  // Keyed by operation, key and header.
  std::unordered_map<std::string, std::unique_ptr<Group>> groups_;
  size_t items_ = 0;
  size_t bytes_ = 0;
};

}  // namespace strongroom::batching
