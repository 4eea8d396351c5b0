// Device profiles: what a family of tokens does differently, as data
// (hsm/profiles/*.yaml, compiled in). docs/operations.md explains each field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/status.h"

namespace strongroom::hsm {

struct Profile {
  std::string name;
  std::string note;  // how far it was tested
  enum class IvSource { kHost, kDeviceParam, kDeviceOutput };
  IvSource iv_source = IvSource::kHost;
  size_t iv_size = 12;  // 16 only where the device makes it
  int workers = 8;      // default count of sessions that work
  int partial_batches = 2;
  bool read_write_sessions = false;  // device refuses read-only sessions
  bool allowed_mechanisms = true;    // knows CKA_ALLOWED_MECHANISMS
  bool exclusive_object_changes = false;
  bool general_error_may_mean_data = false;  // CKR_GENERAL_ERROR on tampering
  std::string init_args;  // pReserved template; {dir} is replaced
};

// FindProfile knows softhsm, nss, generic, cloudhsm, luna-fips. CONFIG_INVALID
// for another name, listing these.
StatusOr<Profile> FindProfile(std::string_view name);

}  // namespace strongroom::hsm
