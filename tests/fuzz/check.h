// What every fuzzer here says when a promise does not hold.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "strongroom/base/status.h"

namespace strongroom::fuzz {

// Require ends the process, which libFuzzer reports with the input.
inline void Require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

// RequireRefusal: a failure carries one of the wanted reasons.
template <typename... Reasons>
void RequireRefusal(const Status& status, Reasons... wanted) {
  Require(!status.ok(), "a refusal is a failure");
  const Reason found = ReasonOf(status);
  Require(((found == wanted) || ...), "a refusal has the parser's reason");
  Require(!status.message().empty(), "a refusal says why");
}

}  // namespace strongroom::fuzz
