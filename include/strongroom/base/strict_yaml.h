// Strict YAML: a tree in which every key is known and occurs once.
//
// yaml-cpp accepts duplicate and unknown keys. This reader refuses duplicates,
// anchors, aliases and tags when it parses; a program refuses unknown keys with
// RefuseUnknown() once it has read the known ones. Every error is
// CONFIG_INVALID and names file, line and key path.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/status.h"

namespace strongroom {

class YamlNode {
 public:
  enum class Kind { kNull, kScalar, kList, kMap };

  // Parse reads one document. `origin` is the file's name for messages.
  static StatusOr<YamlNode> Parse(std::string_view text,
                                  std::string_view origin);

  Kind kind() const { return kind_; }
  bool IsMap() const { return kind_ == Kind::kMap; }
  bool IsList() const { return kind_ == Kind::kList; }

  // Scalars. Fail CONFIG_INVALID naming the place and what was wanted.
  StatusOr<std::string> AsString() const;
  StatusOr<int64_t> AsInt(int64_t min, int64_t max) const;
  StatusOr<bool> AsBool() const;  // true or false, nothing else

  const std::vector<YamlNode>& items() const { return items_; }
  const std::map<std::string, YamlNode>& fields() const { return fields_; }
  // Find gives the member of a map, or nullptr.
  const YamlNode* Find(std::string_view key) const;
  // Require fails if the member is missing.
  StatusOr<const YamlNode*> Require(std::string_view key) const;
  // RefuseUnknown is OK if `known` has each key of this map. CONFIG_INVALID,
  // naming the first other key and the known key nearest to it.
  Status RefuseUnknown(const std::vector<std::string_view>& known) const;
  // Invalid makes an error that points here: "file:line: path: message".
  Status Invalid(std::string_view message) const;

 private:
  friend class YamlBuilder;
  Kind kind_ = Kind::kNull;
  std::string scalar_;
  std::vector<YamlNode> items_;
  std::map<std::string, YamlNode> fields_;
  std::string where_;  // file:line
  std::string path_;   // hsm.workers
};

}  // namespace strongroom
