#include "batching/queues.h"

#include <algorithm>
#include <utility>

namespace strongroom::batching {

struct Queues::Place : Ticket {
  Group* group = nullptr;
  WorkClass work_class = WorkClass::kForeground;
  std::list<Part> parts;
};

struct Queues::Group {
  std::string id;
  GroupName name;
  GroupRules rules;
  size_t waiting = 0;  // items
  int in_flight = 0;
  int partial_in_flight = 0;
  bool parked = false;
  std::map<std::string, Place> places;  // by caller
};

Queues::Queues(int background_share) : background_share_(background_share) {}
Queues::~Queues() = default;

namespace {

std::string GroupId(const GroupName& name) {
  std::string id(1, static_cast<char>(name.operation));
  id.append(AsText(name.key_id.bytes()));
  id.append(name.header);
  return id;
}

}  // namespace

// Restraint: a full batch takes any session; of those that are not full only a
// few are in flight, so that a slow device is not spent on batches of one.
bool Queues::MayStart(const Group& group) {
  return group.waiting >= group.rules.max_items ||
         group.partial_in_flight < group.rules.max_partial;
}

void Queues::Push(Entry entry) {
  std::string id = GroupId(entry.group);
  std::unique_ptr<Group>& slot = groups_[id];
  if (slot == nullptr) {
    slot = std::make_unique<Group>();
    slot->id = std::move(id);
    slot->name = std::move(entry.group);
  }
  Group& group = *slot;
  group.rules = entry.rules;
  const Work& work = *entry.slice.work;
  auto [at, is_new] = group.places.try_emplace(work.caller);
  Place& place = at->second;
  if (is_new) {
    place.caller = work.caller;
    place.key = group.name.key_id;
    place.cost = group.name.operation == Operation::kRewrap ? 2 : 1;
    place.group = &group;
    place.work_class = work.work_class;
    place.share = work.share == 0 ? background_share_ : work.share;
  }
  const size_t items = entry.slice.size();
  group.waiting += items;
  waiting(entry.slice).items += items;
  waiting(entry.slice).bytes += entry.bytes;
  place.parts.push_back({std::move(entry.slice), entry.bytes});
  if (group.parked) {
    Unpark(&group);
  } else {
    turns(place.work_class).Push(&place);
  }
}

std::optional<Queues::Batch> Queues::Next(SteadyTime now,
                                          bool background_has_room,
                                          std::vector<Slice>* expired) {
  std::optional<Batch> batch;
  const Ticket* background = turns(WorkClass::kBackground).Peek();
  if (background != nullptr && share_.Due(background->cost)) {
    batch = NextOf(WorkClass::kBackground, now, expired);
  }
  if (!batch) batch = NextOf(WorkClass::kForeground, now, expired);
  if (!batch && background_has_room) {
    batch = NextOf(WorkClass::kBackground, now, expired);
  }
  return batch;
}

std::optional<Queues::Batch> Queues::NextOf(WorkClass work_class,
                                            SteadyTime now,
                                            std::vector<Slice>* expired) {
  Turns& turns = this->turns(work_class);
  while (Ticket* ticket = turns.Pop()) {
    auto* place = static_cast<Place*>(ticket);
    Group* group = place->group;
    DropExpiredFront(group, place, now, expired);
    if (place->parts.empty()) {
      // Its items went along with another caller's batch, or too late.
      turns.Refund(*ticket);
      ErasePlace(group, place);
      continue;
    }
    if (!MayStart(*group)) {
      turns.Refund(*ticket);
      group->parked = true;
      continue;
    }
    Batch batch;
    batch.work_class = work_class;
    batch.cost = place->cost;
    Charge(work_class, place->cost);
    Take(group, place, now, &batch, expired);
    if (place->parts.empty()) {
      ErasePlace(group, place);
    } else {
      turns.Push(place);
    }
    return batch;
  }
  return std::nullopt;
}

void Queues::Charge(WorkClass work_class, int cost) {
  if (work_class == WorkClass::kBackground) return share_.Spend(cost);
  const Ticket* background = turns(WorkClass::kBackground).Peek();
  if (background != nullptr) share_.Earn(cost, background->share);
}

void Queues::Release(const Batch& batch) {
  Group* group = batch.group;
  --group->in_flight;
  if (batch.partial) --group->partial_in_flight;
  Unpark(group);
  EraseIfIdle(group);
}

void Queues::Unpark(Group* group) {
  if (!group->parked || !MayStart(*group)) return;
  group->parked = false;
  for (auto at = group->places.begin(); at != group->places.end();) {
    Place& place = at->second;
    if (!place.parts.empty()) turns(place.work_class).Push(&place);
    at = place.waiting ? std::next(at) : group->places.erase(at);
  }
}

// The caller whose turn it is comes first; then the batch is filled up from the
// others, from its neighbour on, for the token operation is paid already.
void Queues::Take(Group* group, Place* first, SteadyTime now, Batch* batch,
                  std::vector<Slice>* expired) {
  batch->group = group;
  batch->operation = group->name.operation;
  batch->key_id = group->name.key_id;
  TakeFrom(group, first, now, batch, expired);
  auto at = group->places.find(first->caller);
  for (size_t n = 1; n < group->places.size(); ++n) {
    if (batch->items >= group->rules.max_items || group->waiting == 0) break;
    if (++at == group->places.end()) at = group->places.begin();
    TakeFrom(group, &at->second, now, batch, expired);
  }
  batch->partial = batch->items < group->rules.max_items;
  ++group->in_flight;
  if (batch->partial) ++group->partial_in_flight;
}

void Queues::TakeFrom(Group* group, Place* place, SteadyTime now, Batch* batch,
                      std::vector<Slice>* expired) {
  while (batch->items < group->rules.max_items) {
    DropExpiredFront(group, place, now, expired);
    if (place->parts.empty()) return;
    Part& part = place->parts.front();
    const size_t room = group->rules.max_items - batch->items;
    if (part.slice.size() <= room) {
      batch->items += part.slice.size();
      Forget(group, &part);
      batch->slices.push_back(std::move(part.slice));
      place->parts.pop_front();
      continue;
    }
    // Only seals have a limit, and those have no list: this is a cheap cut.
    Slice head = part.slice;
    head.end = head.begin + static_cast<uint32_t>(room);
    part.slice.begin = head.end;
    group->waiting -= room;
    waiting(head).items -= room;
    batch->items += room;
    batch->slices.push_back(std::move(head));
  }
}

// Only the front: a look at all of a long queue for every batch would cost more
// than the batch. RunDue finds the others.
void Queues::DropExpiredFront(Group* group, Place* place, SteadyTime now,
                              std::vector<Slice>* expired) {
  while (!place->parts.empty()) {
    Part& part = place->parts.front();
    if (part.slice.work->deadline > now) return;
    Forget(group, &part);
    expired->push_back(std::move(part.slice));
    place->parts.pop_front();
  }
}

void Queues::DropExpiredFrom(Group* group, Place* place, SteadyTime now,
                             std::vector<Slice>* expired) {
  for (auto at = place->parts.begin(); at != place->parts.end();) {
    if (at->slice.work->deadline > now) {
      ++at;
      continue;
    }
    Forget(group, &*at);
    expired->push_back(std::move(at->slice));
    at = place->parts.erase(at);
  }
}

void Queues::DropExpired(SteadyTime now, std::vector<Slice>* expired) {
  for (auto& [id, group] : groups_) {
    for (auto& [caller, place] : group->places) {
      DropExpiredFrom(group.get(), &place, now, expired);
    }
  }
}

void Queues::TakeAll(std::vector<Slice>* taken) {
  DropExpired(SteadyTime::max(), taken);
}

void Queues::Forget(Group* group, Part* part) {
  group->waiting -= part->slice.size();
  waiting(part->slice).items -= part->slice.size();
  waiting(part->slice).bytes -= part->bytes;
}

void Queues::ErasePlace(Group* group, Place* place) {
  group->places.erase(group->places.find(place->caller));
  EraseIfIdle(group);
}

void Queues::EraseIfIdle(Group* group) {
  if (group->places.empty() && group->in_flight == 0) {
    groups_.erase(groups_.find(group->id));
  }
}

}  // namespace strongroom::batching
