// Turns: whose work comes next, by deficit round robin over callers, and within
// a caller over keys, charged in token operations. So neither a busy key nor a
// caller with a thousand keys starves others.
//
// Whoever waits with nothing owed is served once per round for each token
// operation; one that was served dearly (a rewrap costs two) sits out rounds
// until it is paid. A caller that leaves the queue leaves its debt behind.
// Thread rule: not thread-safe; the owner's lock guards it.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "strongroom/base/names.h"

namespace strongroom::batching {

// Ticket is a place in the queue. Its owner keeps it alive while it waits.
struct Ticket {
  std::string caller;
  Uuid key;
  int cost = 1;          // token operations
  int share = 0;         // Queues' own: percent promised to background work
  bool waiting = false;  // Turns' own: it is in the queue

 private:
  friend class Turns;
  Ticket* next = nullptr;
};

class Turns {
 public:
  Turns() = default;
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  // Push puts a ticket behind those of its caller and key, unless it waits
  // already.
  void Push(Ticket* ticket);
  // Pop takes the ticket whose turn it is and charges its cost; nullptr if
  // none waits.
  Ticket* Pop();
  // Peek gives a ticket that is about to have its turn; nullptr if none waits.
  const Ticket* Peek() const;
  // Refund takes the charge back: the ticket could not use its turn.
  void Refund(const Ticket& ticket);

  bool empty() const { return ring_.empty(); }

 private:
  struct Line {  // of one key
    Uuid key;
    int credit = 1;
    Ticket* head = nullptr;
    Ticket* tail = nullptr;
  };
  struct Caller {
    std::string name;
    int credit = 1;
    std::list<Line> ring;
    std::unordered_map<Uuid, std::list<Line>::iterator> lines;
  };

  std::list<Caller> ring_;  // the front is next
  std::unordered_map<std::string_view, std::list<Caller>::iterator> callers_;
};

}  // namespace strongroom::batching
