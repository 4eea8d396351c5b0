// NssToken: a fresh NSS softokn database of the test's own, the second token
// that the Device contract runs on.
#pragma once

#include <string>

#include "strongroom/hsm_pkcs11/pkcs11_device.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::testing {

// NssToken ends the test program with a message if libnss3 or certutil is not
// installed. Close the device on one before opening a device on another.
class NssToken {
 public:
  NssToken();

  static std::string ModulePath();

  // Options opens this token with the profile "nss" and its init_args.
  hsm::Pkcs11Options Options() const;
  const std::string& pin_file() const { return pin_file_; }
  const TempDir& dir() const { return dir_; }

 private:
  TempDir dir_;
  std::string pin_file_;
};

}  // namespace strongroom::testing
