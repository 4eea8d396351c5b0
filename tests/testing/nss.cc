#include "tests/testing/nss.h"

#include <filesystem>

#include "strongroom/base/random.h"
#include "tests/testing/softhsm.h"

namespace strongroom::testing {

NssToken::NssToken() {
  Bytes pin(12);
  FillRandom(pin);
  pin_file_ = dir_.Write("pin", ToHex(pin) + "\n");
  std::filesystem::create_directory(dir_.File("db"));
  RunOrDie({"certutil", "-N", "-d", "sql:" + dir_.File("db"), "-f", pin_file_});
}

std::string NssToken::ModulePath() {
  return FirstExistingOrDie({"/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
                             "/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so",
                             "/usr/lib/aarch64-linux-gnu/libsoftokn3.so",
                             "/usr/lib/aarch64-linux-gnu/nss/libsoftokn3.so"},
                            "libnss3");
}

hsm::Pkcs11Options NssToken::Options() const {
  hsm::Pkcs11Options options;
  options.module_path = ModulePath();
  options.token_label = "NSS Certificate DB";
  options.pin_file = pin_file_;
  options.profile = ProfileOrDie("nss");
  options.init_args = "configdir='sql:" + dir_.File("db") +
                      "' certPrefix='' keyPrefix='' secmod='secmod.db' flags=";
  return options;
}

}  // namespace strongroom::testing
