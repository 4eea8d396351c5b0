#include "hsm/profile_parser.h"

#include <optional>

#include "strongroom/base/strict_yaml.h"

namespace strongroom::hsm {
namespace {

Status ReadString(const YamlNode& map, std::string_view key, std::string* out) {
  const YamlNode* node = map.Find(key);
  if (node == nullptr) return OkStatus();
  SR_ASSIGN_OR_RETURN(*out, node->AsString());
  return OkStatus();
}

Status ReadBool(const YamlNode& map, std::string_view key, bool* out) {
  const YamlNode* node = map.Find(key);
  if (node == nullptr) return OkStatus();
  SR_ASSIGN_OR_RETURN(*out, node->AsBool());
  return OkStatus();
}

template <typename T>
Status ReadInt(const YamlNode& map, std::string_view key, int64_t min,
               int64_t max, T* out) {
  const YamlNode* node = map.Find(key);
  if (node == nullptr) return OkStatus();
  SR_ASSIGN_OR_RETURN(int64_t value, node->AsInt(min, max));
  *out = static_cast<T>(value);
  return OkStatus();
}

Status ReadIvSource(const YamlNode& map, Profile::IvSource* out) {
  SR_ASSIGN_OR_RETURN(const YamlNode* node, map.Require("iv_source"));
  SR_ASSIGN_OR_RETURN(std::string text, node->AsString());
  if (text == "host") {
    *out = Profile::IvSource::kHost;
  } else if (text == "device-param") {
    *out = Profile::IvSource::kDeviceParam;
  } else if (text == "device-output") {
    *out = Profile::IvSource::kDeviceOutput;
  } else {
    return node->Invalid("is \"" + text +
                         "\"; want host, device-param or device-output");
  }
  return OkStatus();
}

Status CheckIvSize(const YamlNode& map, const Profile& profile) {
  if (profile.iv_size == 12) return OkStatus();
  const YamlNode* node = map.Find("iv_size");
  if (profile.iv_size != 16) return node->Invalid("want 12 or 16");
  // A random 16-byte IV of ours is hashed into the counter block: no stronger
  // than 12 bytes and outside the format's promise.
  if (profile.iv_source == Profile::IvSource::kHost) {
    return node->Invalid("is 16; want 12 where the host makes the IV");
  }
  return OkStatus();
}

}  // namespace

StatusOr<Profile> ParseProfile(std::string_view text, std::string_view origin) {
  SR_ASSIGN_OR_RETURN(YamlNode root, YamlNode::Parse(text, origin));
  if (!root.IsMap()) return root.Invalid("want a map of profile fields");
  SR_RETURN_IF_ERROR(root.RefuseUnknown(
      {"name", "note", "iv_source", "iv_size", "workers", "partial_batches",
       "read_write_sessions", "allowed_mechanisms", "exclusive_object_changes",
       "general_error_may_mean_data", "init_args"}));
  SR_RETURN_IF_ERROR(root.Require("name").status());
  SR_RETURN_IF_ERROR(root.Require("note").status());
  Profile p;
  SR_RETURN_IF_ERROR(ReadString(root, "name", &p.name));
  SR_RETURN_IF_ERROR(ReadString(root, "note", &p.note));
  SR_RETURN_IF_ERROR(ReadIvSource(root, &p.iv_source));
  SR_RETURN_IF_ERROR(ReadInt(root, "iv_size", 12, 16, &p.iv_size));
  SR_RETURN_IF_ERROR(CheckIvSize(root, p));
  SR_RETURN_IF_ERROR(ReadInt(root, "workers", 1, 256, &p.workers));
  SR_RETURN_IF_ERROR(
      ReadInt(root, "partial_batches", 1, 64, &p.partial_batches));
  SR_RETURN_IF_ERROR(
      ReadBool(root, "read_write_sessions", &p.read_write_sessions));
  SR_RETURN_IF_ERROR(
      ReadBool(root, "allowed_mechanisms", &p.allowed_mechanisms));
  SR_RETURN_IF_ERROR(
      ReadBool(root, "exclusive_object_changes", &p.exclusive_object_changes));
  SR_RETURN_IF_ERROR(ReadBool(root, "general_error_may_mean_data",
                              &p.general_error_may_mean_data));
  SR_RETURN_IF_ERROR(ReadString(root, "init_args", &p.init_args));
  return p;
}

}  // namespace strongroom::hsm
