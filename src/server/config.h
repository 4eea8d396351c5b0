// Config: what `strongroomd serve` is told, as a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rpc/rpc_server.h"
#include "strongroom/base/log.h"
#include "strongroom/base/status.h"
#include "strongroom/hsm_pkcs11/pkcs11_device.h"

namespace strongroom::server {

enum class Mode { kServe, kDev };
// ModeName is the word in the store's mark and in answers: "serve" or "dev".
std::string_view ModeName(Mode mode);

struct Limits {
  int max_concurrent_streams = 1024;
  int lifecycle_workers = 4;
  size_t lifecycle_queue = 64;
  size_t max_queued_items = 65536;
  size_t max_queued_bytes = 256u << 20;
  int background_share = 10;  // percent of the token operations
  size_t network_memory_bytes = 512u << 20;
  int max_connections = 4096;
  int connection_idle_seconds = 900;
};

struct Config {
  Mode mode = Mode::kServe;
  std::string listen = "127.0.0.1:7443";
  std::string metrics_listen = "127.0.0.1:7480";
  rpc::TlsFiles tls;
  hsm::Pkcs11Options hsm;
  std::string store_path;
  std::string audit_path;
  std::string policy_path;
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kText;
  int64_t drain_seconds = 30;
  // What was scheduled for destruction before a start waits this long after it.
  int64_t destruction_grace_seconds = 86400;
  Limits limits;
};

// ParseConfig reads the YAML of docs/operations.md. CONFIG_INVALID, with file
// and line, for unknown or repeated keys, missing ones, values out of range,
// relative paths, and metrics on an address that is not loopback. No file it
// names is looked at: that is CheckConfig's.
StatusOr<Config> ParseConfig(std::string_view yaml, std::string_view origin);

// LoadConfig reads a file and parses it. FILE_UNREADABLE, CONFIG_INVALID.
StatusOr<Config> LoadConfig(const std::string& path);

}  // namespace strongroom::server
