// ShimmedToken: a SoftHSM token behind the shim (hsm/shim/README.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "strongroom/hsm_pkcs11/pkcs11_device.h"
#include "tests/testing/softhsm.h"

namespace strongroom::testing {

// ShimmedToken sets the shim's environment for this process; the rule of
// SoftHsmToken holds here too: one open device, on the newest token.
class ShimmedToken {
 public:
  ShimmedToken();
  // Releases whatever still hangs.
  ~ShimmedToken();

  // Options opens this token through the shim with the profile "softhsm".
  hsm::Pkcs11Options Options() const;
  const SoftHsmToken& token() const { return token_; }

  // Direct replaces what the shim does, from the next call on. See the shim's
  // README for the language; empty: nothing but forwarding. Counts of calls
  // start anew.
  void Direct(std::string_view script);

  // Calls counts the calls of a function since the shim was loaded or since
  // ForgetCalls, whatever they gave; or those that gave `outcome` only.
  size_t Calls(std::string_view function, std::string_view outcome = "") const;
  // Handles are the object handles of these calls, in order.
  std::vector<unsigned long> Handles(std::string_view function) const;
  void ForgetCalls();

 private:
  SoftHsmToken token_;
  std::string control_;
  std::string log_;
  size_t log_start_ = 0;
};

}  // namespace strongroom::testing
