#include "tests/testing/softhsm.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "strongroom/base/files.h"
#include "strongroom/base/random.h"

namespace strongroom::testing {
namespace {

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

std::string RandomPin() {
  Bytes bytes(12);
  FillRandom(bytes);
  return ToHex(bytes);
}

}  // namespace

void RunOrDie(const std::vector<std::string>& command) {
  TempDir scratch;
  const std::string output = scratch.File("output");
  std::vector<char*> arguments;
  for (const std::string& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY,
                                   0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output.c_str(),
                                   O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int failure = posix_spawnp(&child, arguments[0], &files, nullptr,
                                   arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failure != 0) Die("cannot start " + command[0] + "; is it installed?");
  int result = 0;
  waitpid(child, &result, 0);
  if (WIFEXITED(result) && WEXITSTATUS(result) == 0) return;
  Die(command[0] + " failed: " + ReadFile(output).value_or(""));
}

std::string FirstExistingOrDie(const std::vector<std::string>& paths,
                               const std::string& debian_package) {
  for (const std::string& path : paths) {
    if (std::filesystem::exists(path)) return path;
  }
  Die("found none of " + paths.front() +
      " and its other places; install the package " + debian_package);
}

hsm::Profile ProfileOrDie(const std::string& name) {
  StatusOr<hsm::Profile> profile = hsm::FindProfile(name);
  if (!profile.ok()) Die(std::string(MessageOf(profile.status())));
  return *std::move(profile);
}

SoftHsmToken::SoftHsmToken(std::string label)
    : label_(std::move(label)), pin_(RandomPin()) {
  std::filesystem::create_directory(dir_.File("tokens"));
  pin_file_ = dir_.Write("pin", pin_ + "\n");
  conf_file_ = dir_.Write("softhsm2.conf",
                          "directories.tokendir = " + dir_.File("tokens") +
                              "\nobjectstore.backend = file\n"
                              "log.level = ERROR\n"
                              "slots.removable = false\n");
  setenv("SOFTHSM2_CONF", conf_file_.c_str(), 1);
  ModulePath();
  RunOrDie({"softhsm2-util", "--init-token", "--free", "--label", label_,
            "--pin", pin_, "--so-pin", RandomPin()});
}

std::string SoftHsmToken::ModulePath() {
  return FirstExistingOrDie(
      {"/usr/lib/softhsm/libsofthsm2.so",
       "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
       "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"},
      "softhsm2");
}

hsm::Pkcs11Options SoftHsmToken::Options() const {
  hsm::Pkcs11Options options;
  options.module_path = ModulePath();
  options.token_label = label_;
  options.pin_file = pin_file_;
  options.profile = ProfileOrDie("softhsm");
  return options;
}

}  // namespace strongroom::testing
