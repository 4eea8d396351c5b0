// Canonical encryption context: the one byte form of a caller's pairs.
//
//   context := ( len(u16) key  len(u16) value )*      sorted by key bytes
//
// Equal maps have equal bytes, and only equal maps do. Empty is zero bytes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::envelope {

inline constexpr size_t kMaxContextPairs = 32;
inline constexpr size_t kMaxContextBytes = 8192;

using ContextPairs = std::vector<std::pair<std::string_view, std::string_view>>;

// CanonicalContext sorts and serialises. CONTEXT_INVALID: more than 32 pairs,
// more than 8192 bytes, an empty key, a key that occurs twice, bytes that are
// not UTF-8. The message names the offending key, never a value.
StatusOr<Bytes> CanonicalContext(const ContextPairs& pairs);

// ParseContext is the inverse. CONTEXT_INVALID for bytes that CanonicalContext
// does not write: another order, beyond its bounds, trailing bytes.
StatusOr<std::vector<std::pair<std::string, std::string>>> ParseContext(
    ByteView canonical);

}  // namespace strongroom::envelope
