// SoftHsmToken: a fresh SoftHSM token of the test's own.
#pragma once

#include <string>
#include <vector>

#include "strongroom/hsm_pkcs11/pkcs11_device.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::testing {

// SoftHsmToken makes a token in a TempDir, with a random PIN in a private file,
// and points SOFTHSM2_CONF of this process at it. SoftHSM reads that variable
// at C_Initialize, and a process has one instance of a module: so open a device
// on a token only while it is the newest one, and close it before making the
// next. Ends the test program with a message if SoftHSM is not installed: a
// skipped test would be a lie.
class SoftHsmToken {
 public:
  explicit SoftHsmToken(std::string label = "strongroom-test");

  static std::string ModulePath();

  // Options opens this token with the profile "softhsm".
  hsm::Pkcs11Options Options() const;
  const std::string& label() const { return label_; }
  const std::string& pin() const { return pin_; }
  const std::string& pin_file() const { return pin_file_; }
  const std::string& conf_file() const { return conf_file_; }
  const TempDir& dir() const { return dir_; }

 private:
  TempDir dir_;
  std::string label_;
  std::string pin_;
  std::string pin_file_;
  std::string conf_file_;
};

// RunOrDie runs a program of the machine, found in PATH, and waits. Unless it
// ends with 0, shows what it said and ends the test program.
void RunOrDie(const std::vector<std::string>& command);

// FirstExistingOrDie gives the first of the paths that exists.
std::string FirstExistingOrDie(const std::vector<std::string>& paths,
                               const std::string& debian_package);

// ProfileOrDie gives a profile that ships with the product.
hsm::Profile ProfileOrDie(const std::string& name);

}  // namespace strongroom::testing
