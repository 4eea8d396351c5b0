#include "hsm/pkcs11/call_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace strongroom::hsm {

void CallQueue::Push(std::shared_ptr<TokenCall> call) {
  (call->urgent() ? urgent_ : calls_).push_back(std::move(call));
  Tell();
}

std::shared_ptr<TokenCall> CallQueue::Pop() {
  auto& from = urgent_.empty() ? calls_ : urgent_;
  std::shared_ptr<TokenCall> call = std::move(from.front());
  from.pop_front();
  Tell();
  return call;
}

CallQueue::Calls CallQueue::TakeLate(SteadyTime now) {
  Calls taken;
  for (auto* queue : {&urgent_, &calls_}) {
    auto late = std::stable_partition(
        queue->begin(), queue->end(),
        [now](const auto& call) { return call->deadline() > now; });
    std::move(late, queue->end(), std::back_inserter(taken));
    queue->erase(late, queue->end());
  }
  if (!taken.empty()) Tell();
  return taken;
}

CallQueue::Calls CallQueue::TakeAll() {
  Calls taken(urgent_.begin(), urgent_.end());
  taken.insert(taken.end(), calls_.begin(), calls_.end());
  urgent_.clear();
  calls_.clear();
  Tell();
  return taken;
}

SteadyTime CallQueue::NextDeadline() const {
  SteadyTime next = SteadyTime::max();
  for (const auto* queue : {&urgent_, &calls_}) {
    for (const auto& call : *queue) next = std::min(next, call->deadline());
  }
  return next;
}

}  // namespace strongroom::hsm
