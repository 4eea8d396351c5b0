// The running service, as GetStatus tells of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strongroom/base/clock.h"

namespace strongroom::model {

// ServerFacts is what does not change while the service runs.
struct ServerFacts {
  std::string version{};
  std::string mode{};  // "dev" or "serve"
  WallTime start_time{};
  std::string installation_id{};
  std::vector<std::string> warnings{};
  friend bool operator==(const ServerFacts&, const ServerFacts&) = default;
};

struct ServiceStatus {
  ServerFacts server{};
  std::string token_label{};
  std::string token_model{};
  std::string token_serial{};
  std::string profile{};
  uint32_t sessions = 0;
  bool hsm_healthy = false;
  std::string hsm_detail{};
  uint64_t keys = 0;
  uint64_t key_versions = 0;
  uint64_t token_operations = 0;
  uint64_t items_sealed = 0;
  uint64_t items_opened = 0;
  friend bool operator==(const ServiceStatus&, const ServiceStatus&) = default;
};

}  // namespace strongroom::model
