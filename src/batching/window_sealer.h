// WindowSealer seals items under a key's open window: without the token.
// Thread rule: as Answers.
#pragma once

#include <cstddef>
#include <vector>

#include "batching/answers.h"
#include "batching/windows.h"
#include "batching/work.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"

namespace strongroom::batching {

class WindowSealer {
 public:
  // The references outlive it.
  WindowSealer(Windows& windows, const Clock& clock, Answers& answers)
      : windows_(windows), clock_(clock), answers_(answers) {}

  // Seal seals and finishes all `items` of the slices, and returns true. It
  // returns false and changes nothing if no window of the key is open that has
  // room for all.
  bool Seal(const Uuid& key_id, std::vector<Slice>* slices, size_t items);

 private:
  Windows& windows_;
  const Clock& clock_;
  Answers& answers_;
};

}  // namespace strongroom::batching
