// KeyPattern: which key names a rule is about.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/status.h"

namespace strongroom::auth {

// KeyPattern is a key name in which '*' stands for any characters within a
// segment, and '**' as the last segment for one or more whole segments.
class KeyPattern {
 public:
  // Parse fails CONFIG_INVALID, saying what is wrong, for anything that no key
  // name could match.
  static StatusOr<KeyPattern> Parse(std::string_view text);

  // Matches takes at most |pattern| x |name| steps, whatever both are, and
  // both are at most 128 bytes (a longer name matches nothing).
  bool Matches(std::string_view name) const;
  // Everything is true for "**" alone.
  bool Everything() const { return text_ == "**"; }
  const std::string& text() const { return text_; }

 private:
  explicit KeyPattern(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace strongroom::auth
