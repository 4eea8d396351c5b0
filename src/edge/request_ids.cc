#include "edge/request_ids.h"

#include <array>
#include <charconv>

#include "strongroom/base/bytes.h"
#include "strongroom/base/random.h"

namespace strongroom::edge {

RequestIds::RequestIds() {
  std::array<uint8_t, 8> random;
  FillRandom(random);
  prefix_ = ToHex(random);
}

std::string RequestIds::Next() {
  constexpr size_t kDigits = 8;
  const uint64_t count = count_.fetch_add(1, std::memory_order_relaxed) + 1;
  char digits[16];
  const char* end =
      std::to_chars(digits, digits + sizeof digits, count, 16).ptr;
  const auto size = static_cast<size_t>(end - digits);
  std::string id;
  id.reserve(prefix_.size() + 1 + sizeof digits);
  id += prefix_;
  id += '-';
  if (size < kDigits) id.append(kDigits - size, '0');
  return id.append(digits, size);
}

}  // namespace strongroom::edge
