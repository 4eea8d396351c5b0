#include "batching/turns.h"

#include <utility>

namespace strongroom::batching {
namespace {

// Advance brings an element that may be served to the front. Each round adds a
// token operation to everybody's credit, so this ends.
template <typename Element>
Element& Advance(std::list<Element>& ring) {
  while (ring.front().credit <= 0) {
    ++ring.front().credit;
    ring.splice(ring.end(), ring, ring.begin());
  }
  return ring.front();
}

}  // namespace

void Turns::Push(Ticket* ticket) {
  if (ticket->waiting) return;
  auto caller = callers_.find(ticket->caller);
  if (caller == callers_.end()) {
    ring_.emplace_back();
    ring_.back().name = ticket->caller;
    // The list never moves its elements, so the view stays good.
    caller = callers_.emplace(ring_.back().name, std::prev(ring_.end())).first;
  }
  Caller& c = *caller->second;
  auto line = c.lines.find(ticket->key);
  if (line == c.lines.end()) {
    c.ring.push_back(Line{ticket->key});
    line = c.lines.emplace(ticket->key, std::prev(c.ring.end())).first;
  }
  Line& l = *line->second;
  ticket->waiting = true;
  ticket->next = nullptr;
  (l.tail == nullptr ? l.head : l.tail->next) = ticket;
  l.tail = ticket;
}

Ticket* Turns::Pop() {
  if (ring_.empty()) return nullptr;
  Caller& caller = Advance(ring_);
  Line& line = Advance(caller.ring);
  Ticket* ticket = line.head;
  line.head = ticket->next;
  ticket->next = nullptr;
  ticket->waiting = false;
  caller.credit -= ticket->cost;
  line.credit -= ticket->cost;
  if (line.head == nullptr) {
    caller.lines.erase(line.key);
    caller.ring.pop_front();
  }
  if (caller.ring.empty()) {
    callers_.erase(caller.name);
    ring_.pop_front();
  }
  return ticket;
}

const Ticket* Turns::Peek() const {
  return ring_.empty() ? nullptr : ring_.front().ring.front().head;
}

void Turns::Refund(const Ticket& ticket) {
  auto caller = callers_.find(ticket.caller);
  if (caller == callers_.end()) return;
  caller->second->credit += ticket.cost;
  auto line = caller->second->lines.find(ticket.key);
  if (line != caller->second->lines.end()) line->second->credit += ticket.cost;
}

}  // namespace strongroom::batching
