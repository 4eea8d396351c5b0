// The Device on a PKCS#11 module loaded into this process.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "strongroom/base/metrics.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/hsm/device.h"
#include "strongroom/hsm/profile.h"

namespace strongroom::hsm {

struct Pkcs11Options {
  std::string module_path;
  // The token: by serial, or by label; both must match if both are given.
  std::string token_label;
  std::string token_serial;
  std::string pin_file;  // private file; a trailing newline is dropped
  Profile profile;
  std::string init_args;       // overrides the profile's, for modules like NSS
  std::optional<int> workers;  // overrides the profile's
  size_t queue_limit = 4096;   // calls waiting; beyond: HSM_BUSY
};

// ReadPin reads the token's user PIN. FILE_NOT_PRIVATE, FILE_UNREADABLE (also
// if it is empty).
StatusOr<SecretBytes> ReadPin(const std::string& path);

// OpenPkcs11Device loads the module, finds the token, logs in (once: a refused
// PIN is never tried again), opens the anchor session and the workers,
// enumerates the objects once, and runs the self-test: two seals with distinct
// non-zero IVs, both opened, a tampered one refused, under a session KEK where
// the device has them. Failures: MODULE_NOT_LOADED, TOKEN_NOT_FOUND (listing
// the tokens seen), FILE_NOT_PRIVATE, FILE_UNREADABLE, HSM_LOGIN_REFUSED,
// HSM_CAPABILITY_MISSING (naming it), HSM_UNAVAILABLE, HSM_BUSY (no session
// left), CONFIG_INVALID (the profile's init_args want a directory).
// One at a time per module and process. `metrics` outlives the device; so does
// `clock`, and even calls that still hang in the module when that is gone.
StatusOr<std::unique_ptr<Device>> OpenPkcs11Device(const Pkcs11Options& options,
                                                   const Clock& clock,
                                                   Metrics& metrics);

}  // namespace strongroom::hsm
