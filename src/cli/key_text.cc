#include "cli/key_text.h"

#include "cli/text.h"

namespace strongroom::cli {
namespace {

Json TimeOrNull(const std::optional<WallTime>& time) {
  return time.has_value() ? Json(FormatTime(*time)) : Json(nullptr);
}

}  // namespace

std::string LabelText(const client::Labels& labels) {
  std::string text;
  for (const auto& [key, value] : labels) {
    if (!text.empty()) text += ", ";
    text += key + "=" + value;
  }
  return text.empty() ? "none" : text;
}

namespace {

std::string RotationText(const client::Key& key, WallTime now) {
  if (!key.rotation_period.has_value()) return "by hand";
  std::string text = "every " + FormatDuration(*key.rotation_period);
  if (key.next_rotation.has_value()) {
    text += "; next " + ShowTime(*key.next_rotation, now);
  }
  return text;
}

std::string AfterRotationText(const client::Key& key) {
  std::string text =
      key.rewrap_on_rotation ? "a rewrap job starts" : "no rewrap job starts";
  if (!key.retire_after.has_value()) return text + "; old versions stay";
  return text + "; old versions are retired after " +
         FormatDuration(*key.retire_after);
}

std::string BatchText(const client::Key& key) {
  std::string text =
      "at most " + std::to_string(key.max_items) + " DEKs share a batch key";
  if (key.max_age.count() > 0) {
    text += ", which stays open for " + FormatDuration(key.max_age);
  }
  return text;
}

std::string RegistrationText(const client::Key& key) {
  if (key.registration == "REQUIRED") return "required of every wrap";
  if (key.registration == "OFF") return "off";
  return "as the caller says";
}

std::string DestroyText(const client::KeyVersion& version, WallTime now) {
  if (version.retire_time.has_value()) {
    return "retires " + ShowTime(*version.retire_time, now);
  }
  if (!version.destroy_time.has_value()) return "";
  if (version.destruction_held) return "held: the store may be an old copy";
  return ShowTime(*version.destroy_time, now);
}

std::string EnabledCount(const client::Key& key) {
  size_t enabled = 0;
  for (const client::KeyVersion& version : key.versions) {
    if (version.state == "ENABLED") ++enabled;
  }
  return std::to_string(enabled) + " of " + std::to_string(key.versions.size());
}

}  // namespace

Json ToJson(const client::Traces& traces) {
  Json json;
  json["unregistered_wraps"] = traces.unregistered_wraps;
  json["in_use_before_counting"] = traces.in_use_before_counting;
  json["first_wrap_time"] = TimeOrNull(traces.first_wrap);
  json["last_wrap_time"] = TimeOrNull(traces.last_wrap);
  json["last_unwrap_time"] = TimeOrNull(traces.last_unwrap);
  return json;
}

std::string ShowTraces(const client::Traces& traces, WallTime now) {
  std::string text =
      std::to_string(traces.unregistered_wraps) + " unregistered wraps";
  if (traces.in_use_before_counting) text += " since counting began";
  if (traces.first_wrap) text += ", first " + ShowTime(*traces.first_wrap, now);
  if (traces.last_wrap) text += ", last " + ShowTime(*traces.last_wrap, now);
  return text + "; last unwrap " +
         (traces.last_unwrap ? ShowTime(*traces.last_unwrap, now) : "not seen");
}

Json ToJson(const client::KeyVersion& version) {
  Json json;
  json["version"] = version.version;
  json["state"] = version.state;
  json["primary"] = version.primary;
  json["create_time"] = FormatTime(version.created);
  json["destroy_time"] = TimeOrNull(version.destroy_time);
  json["destruction_held"] = version.destruction_held;
  json["kek_id"] = version.kek_id;
  json["seals"] = version.seals;
  json["retire_time"] = TimeOrNull(version.retire_time);
  if (version.traces) json["traces"] = ToJson(*version.traces);
  return json;
}

Json ToJson(const client::Key& key) {
  Json json;
  json["name"] = key.name;
  json["id"] = key.id;
  json["labels"] = Json::object();
  for (const auto& [name, value] : key.labels) json["labels"][name] = value;
  json["primary_version"] = key.primary_version;
  json["create_time"] = FormatTime(key.created);
  json["rotation_period_s"] = key.rotation_period.has_value()
                                  ? Json(key.rotation_period->count())
                                  : Json(nullptr);
  json["next_rotation_time"] = TimeOrNull(key.next_rotation);
  json["max_items"] = key.max_items;
  json["max_age_ms"] = key.max_age.count();
  json["destroy_after_s"] = key.destroy_after.count();
  json["registration"] = key.registration;
  json["rewrap_on_rotation"] = key.rewrap_on_rotation;
  json["retire_after_s"] = key.retire_after.has_value()
                               ? Json(key.retire_after->count())
                               : Json(nullptr);
  json["versions"] = Json::array();
  for (const client::KeyVersion& version : key.versions) {
    json["versions"].push_back(ToJson(version));
  }
  return json;
}

std::string ShowKey(const client::Key& key, WallTime now) {
  std::string text = Facts({
      {"Key", key.name},
      {"Id", key.id},
      {"Created", ShowTime(key.created, now)},
      {"Primary", "version " + std::to_string(key.primary_version)},
      {"Labels", LabelText(key.labels)},
      {"Rotation", RotationText(key, now)},
      {"After it", AfterRotationText(key)},
      {"Batches", BatchText(key)},
      {"Registration", RegistrationText(key)},
      {"Destruction", FormatDuration(key.destroy_after) + " after it was asked "
                                                          "for"},
  });
  std::vector<std::vector<std::string>> rows;
  for (const client::KeyVersion& version : key.versions) {
    rows.push_back({std::to_string(version.version), version.state,
                    version.primary ? "primary" : "",
                    std::to_string(version.seals), version.kek_id,
                    ShowTime(version.created, now), DestroyText(version, now)});
  }
  return text + "\n" +
         Table({"VERSION", "STATE", "", "SEALS", "KEK ID", "CREATED",
                "DESTROY TIME"},
               rows);
}

std::string ShowKeys(const std::vector<client::Key>& keys, WallTime now) {
  if (keys.empty()) return "no keys that you may see\n";
  std::vector<std::vector<std::string>> rows;
  for (const client::Key& key : keys) {
    rows.push_back(
        {key.name, std::to_string(key.primary_version), EnabledCount(key),
         key.rotation_period.has_value() ? FormatDuration(*key.rotation_period)
                                         : "by hand",
         LabelText(key.labels), ShowTime(key.created, now)});
  }
  return Table({"NAME", "PRIMARY", "ENABLED", "ROTATION", "LABELS", "CREATED"},
               rows);
}

}  // namespace strongroom::cli
