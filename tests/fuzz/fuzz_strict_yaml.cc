#include <cstddef>
#include <cstdint>

#include "strongroom/base/bytes.h"
#include "strongroom/base/strict_yaml.h"
#include "tests/fuzz/check.h"

using strongroom::Reason;
using strongroom::Status;
using strongroom::YamlNode;
using strongroom::fuzz::Require;
using strongroom::fuzz::RequireRefusal;

namespace {

void RequireConfigInvalid(const Status& status) {
  if (!status.ok()) RequireRefusal(status, Reason::kConfigInvalid);
}

// Asks every question of every node: none may crash, and what is refused is
// refused as configuration.
void Visit(const YamlNode& node) {
  RequireConfigInvalid(node.AsString().status());
  RequireConfigInvalid(node.AsBool().status());
  RequireConfigInvalid(node.RefuseUnknown({"address", "slots"}));
  RequireConfigInvalid(node.Require("address").status());
  const auto number = node.AsInt(-5, 1000);
  RequireConfigInvalid(number.status());
  Require(!number.ok() || (*number >= -5 && *number <= 1000),
          "AsInt stays in its range");
  for (const YamlNode& item : node.items()) Visit(item);
  for (const auto& [key, value] : node.fields()) {
    Require(node.Find(key) == &value, "Find gives the member");
    Visit(value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto root =
      YamlNode::Parse(strongroom::AsText({data, size}), "fuzz.yaml");
  RequireConfigInvalid(root.status());
  if (root.ok()) Visit(*root);
  return 0;
}
