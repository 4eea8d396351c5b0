#include "server/config.h"

#include "edge/listen_address.h"
#include "strongroom/base/files.h"
#include "strongroom/base/strict_yaml.h"
#include "strongroom/batching/engine.h"

namespace strongroom::server {
namespace {

// A secret written into the configuration is the mistake most worth a hint.
Status RefuseUnknown(const YamlNode& node,
                     const std::vector<std::string_view>& known) {
  for (std::string_view secret : {"pin", "password", "passphrase"}) {
    if (node.IsMap() && node.Find(secret) != nullptr) {
      return node.Find(secret)->Invalid(
          "secrets are not written into the configuration; want the path of a "
          "private file, such as hsm.pin_file");
    }
  }
  return node.RefuseUnknown(known);
}

StatusOr<std::string> PathOf(const YamlNode& node) {
  SR_ASSIGN_OR_RETURN(std::string path, node.AsString());
  if (path.empty() || path.front() != '/') {
    return node.Invalid("\"" + path + "\" is not an absolute path; want one");
  }
  return path;
}

StatusOr<std::string> RequiredPath(const YamlNode& map, std::string_view key) {
  SR_ASSIGN_OR_RETURN(const YamlNode* node, map.Require(key));
  return PathOf(*node);
}

Status OptionalText(const YamlNode& map, std::string_view key,
                    std::string* out) {
  const YamlNode* node = map.Find(key);
  if (node == nullptr) return OkStatus();
  SR_ASSIGN_OR_RETURN(*out, node->AsString());
  return OkStatus();
}

template <typename Number>
Status OptionalNumber(const YamlNode& map, std::string_view key, int64_t min,
                      int64_t max, Number* out) {
  const YamlNode* node = map.Find(key);
  if (node == nullptr) return OkStatus();
  SR_ASSIGN_OR_RETURN(int64_t value, node->AsInt(min, max));
  *out = static_cast<Number>(value);
  return OkStatus();
}

StatusOr<edge::ListenAddress> AddressOf(const YamlNode& node,
                                        const std::string& text) {
  auto address = edge::ListenAddress::Parse(text);
  if (!address.ok()) return node.Invalid(MessageOf(address.status()));
  return address;
}

Status ReadListen(const YamlNode& root, Config* config) {
  SR_ASSIGN_OR_RETURN(const YamlNode* node, root.Require("listen"));
  SR_ASSIGN_OR_RETURN(config->listen, node->AsString());
  return AddressOf(*node, config->listen).status();
}

Status ReadTls(const YamlNode& root, Config* config) {
  SR_ASSIGN_OR_RETURN(const YamlNode* tls, root.Require("tls"));
  SR_RETURN_IF_ERROR(
      RefuseUnknown(*tls, {"cert", "key", "client_ca", "crl_directory"}));
  SR_ASSIGN_OR_RETURN(config->tls.certificate, RequiredPath(*tls, "cert"));
  SR_ASSIGN_OR_RETURN(config->tls.key, RequiredPath(*tls, "key"));
  SR_ASSIGN_OR_RETURN(config->tls.client_ca, RequiredPath(*tls, "client_ca"));
  const YamlNode* crls = tls->Find("crl_directory");
  if (crls == nullptr) return OkStatus();
  SR_ASSIGN_OR_RETURN(config->tls.crl_directory, PathOf(*crls));
  return OkStatus();
}

Status ReadProfile(const YamlNode& hsm, Config* config) {
  SR_ASSIGN_OR_RETURN(const YamlNode* node, hsm.Require("profile"));
  SR_ASSIGN_OR_RETURN(std::string name, node->AsString());
  auto profile = hsm::FindProfile(name);
  if (!profile.ok()) return node->Invalid(MessageOf(profile.status()));
  config->hsm.profile = *std::move(profile);
  return OkStatus();
}

Status ReadHsm(const YamlNode& root, Config* config) {
  SR_ASSIGN_OR_RETURN(const YamlNode* hsm, root.Require("hsm"));
  SR_RETURN_IF_ERROR(
      RefuseUnknown(*hsm, {"module", "profile", "token_label", "token_serial",
                           "pin_file", "workers", "init_args"}));
  SR_ASSIGN_OR_RETURN(config->hsm.module_path, RequiredPath(*hsm, "module"));
  SR_ASSIGN_OR_RETURN(config->hsm.pin_file, RequiredPath(*hsm, "pin_file"));
  SR_RETURN_IF_ERROR(ReadProfile(*hsm, config));
  SR_RETURN_IF_ERROR(
      OptionalText(*hsm, "token_label", &config->hsm.token_label));
  SR_RETURN_IF_ERROR(
      OptionalText(*hsm, "token_serial", &config->hsm.token_serial));
  if (config->hsm.token_label.empty() && config->hsm.token_serial.empty()) {
    return hsm->Invalid("names no token; want token_label or token_serial");
  }
  SR_RETURN_IF_ERROR(OptionalText(*hsm, "init_args", &config->hsm.init_args));
  return OptionalNumber(*hsm, "workers", 1, 256, &config->hsm.workers);
}

// ReadStore: a directory has the database and all that belongs to it. `path`
// names the database itself, with the rest beside it.
StatusOr<std::string> ReadStore(const YamlNode& root) {
  SR_ASSIGN_OR_RETURN(const YamlNode* section, root.Require("store"));
  SR_RETURN_IF_ERROR(RefuseUnknown(*section, {"directory", "path"}));
  if (section->Find("directory") == nullptr) {
    return RequiredPath(*section, "path");
  }
  if (section->Find("path") != nullptr) {
    return section->Invalid("want store.directory or store.path, not both");
  }
  SR_ASSIGN_OR_RETURN(const std::string directory,
                      RequiredPath(*section, "directory"));
  return directory + "/store.db";
}

// Each of audit and policy is {path: ...}: room for more beside it.
StatusOr<std::string> ReadPathSection(const YamlNode& root,
                                      std::string_view name) {
  SR_ASSIGN_OR_RETURN(const YamlNode* section, root.Require(name));
  SR_RETURN_IF_ERROR(RefuseUnknown(*section, {"path"}));
  return RequiredPath(*section, "path");
}

Status ReadMetrics(const YamlNode& root, Config* config) {
  const YamlNode* metrics = root.Find("metrics");
  if (metrics == nullptr) return OkStatus();
  SR_RETURN_IF_ERROR(RefuseUnknown(*metrics, {"listen"}));
  SR_ASSIGN_OR_RETURN(const YamlNode* node, metrics->Require("listen"));
  SR_ASSIGN_OR_RETURN(config->metrics_listen, node->AsString());
  SR_ASSIGN_OR_RETURN(edge::ListenAddress address,
                      AddressOf(*node, config->metrics_listen));
  if (address.IsLoopback()) return OkStatus();
  return node->Invalid(
      "metrics are served without TLS, so only on loopback; want "
      "127.0.0.1:PORT or [::1]:PORT, and an agent or TLS proxy beside it");
}

Status ReadLog(const YamlNode& root, Config* config) {
  const YamlNode* section = root.Find("log");
  if (section == nullptr) return OkStatus();
  SR_RETURN_IF_ERROR(RefuseUnknown(*section, {"level", "format"}));
  std::string level = "info";
  std::string format = "text";
  SR_RETURN_IF_ERROR(OptionalText(*section, "level", &level));
  SR_RETURN_IF_ERROR(OptionalText(*section, "format", &format));
  if (level == "debug") {
    config->log_level = log::Level::kDebug;
  } else if (level == "warning") {
    config->log_level = log::Level::kWarning;
  } else if (level == "error") {
    config->log_level = log::Level::kError;
  } else if (level != "info") {
    return section->Invalid("level is \"" + level +
                            "\"; want debug, info, warning or error");
  }
  if (format != "text" && format != "json") {
    return section->Invalid("format is \"" + format + "\"; want text or json");
  }
  if (format == "json") config->log_format = log::Format::kJson;
  return OkStatus();
}

Status ReadLimits(const YamlNode& root, Config* config) {
  const YamlNode* section = root.Find("limits");
  if (section == nullptr) return OkStatus();
  SR_RETURN_IF_ERROR(RefuseUnknown(
      *section,
      {"max_concurrent_streams", "lifecycle_workers", "lifecycle_queue",
       "max_queued_items", "max_queued_bytes", "background_share",
       "network_memory_bytes", "max_connections", "connection_idle_seconds"}));
  Limits& limits = config->limits;
  constexpr int64_t kMiB = 1 << 20;
  SR_RETURN_IF_ERROR(OptionalNumber(*section, "max_concurrent_streams", 1,
                                    65536, &limits.max_concurrent_streams));
  SR_RETURN_IF_ERROR(OptionalNumber(*section, "lifecycle_workers", 1, 64,
                                    &limits.lifecycle_workers));
  SR_RETURN_IF_ERROR(OptionalNumber(*section, "lifecycle_queue", 1, 4096,
                                    &limits.lifecycle_queue));
  // One full request must fit, or it could never be served.
  SR_RETURN_IF_ERROR(OptionalNumber(*section, "max_queued_items", 4096, 1 << 24,
                                    &limits.max_queued_items));
  SR_RETURN_IF_ERROR(OptionalNumber(*section, "max_queued_bytes", 8 * kMiB,
                                    65536 * kMiB, &limits.max_queued_bytes));
  SR_RETURN_IF_ERROR(OptionalNumber(
      *section, "background_share", batching::kMinBackgroundShare,
      batching::kMaxBackgroundShare, &limits.background_share));
  SR_RETURN_IF_ERROR(OptionalNumber(*section, "max_connections", 1, 1 << 20,
                                    &limits.max_connections));
  SR_RETURN_IF_ERROR(OptionalNumber(*section, "connection_idle_seconds", 1,
                                    86400, &limits.connection_idle_seconds));
  return OptionalNumber(*section, "network_memory_bytes", 32 * kMiB,
                        65536 * kMiB, &limits.network_memory_bytes);
}

}  // namespace

std::string_view ModeName(Mode mode) {
  return mode == Mode::kDev ? "dev" : "serve";
}

StatusOr<Config> ParseConfig(std::string_view yaml, std::string_view origin) {
  SR_ASSIGN_OR_RETURN(YamlNode root, YamlNode::Parse(yaml, origin));
  if (!root.IsMap()) {
    return root.Invalid("is not a map; want the keys of docs/operations.md");
  }
  SR_RETURN_IF_ERROR(RefuseUnknown(
      root, {"listen", "tls", "hsm", "store", "audit", "policy", "metrics",
             "log", "drain_seconds", "destruction_grace_seconds", "limits"}));
  Config config;
  SR_RETURN_IF_ERROR(ReadListen(root, &config));
  SR_RETURN_IF_ERROR(ReadTls(root, &config));
  SR_RETURN_IF_ERROR(ReadHsm(root, &config));
  SR_ASSIGN_OR_RETURN(config.store_path, ReadStore(root));
  SR_ASSIGN_OR_RETURN(config.audit_path, ReadPathSection(root, "audit"));
  SR_ASSIGN_OR_RETURN(config.policy_path, ReadPathSection(root, "policy"));
  SR_RETURN_IF_ERROR(ReadMetrics(root, &config));
  SR_RETURN_IF_ERROR(ReadLog(root, &config));
  SR_RETURN_IF_ERROR(
      OptionalNumber(root, "drain_seconds", 1, 3600, &config.drain_seconds));
  SR_RETURN_IF_ERROR(OptionalNumber(root, "destruction_grace_seconds", 0,
                                    30 * 86400,
                                    &config.destruction_grace_seconds));
  SR_RETURN_IF_ERROR(ReadLimits(root, &config));
  return config;
}

StatusOr<Config> LoadConfig(const std::string& path) {
  SR_ASSIGN_OR_RETURN(std::string text, ReadFile(path));
  return ParseConfig(text, path);
}

}  // namespace strongroom::server
