// The CLI on a fake client, with files for standard input, output and error.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cli/strongroom.h"
#include "nlohmann/json.hpp"
#include "tests/cli/fake_client.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::testing {

struct CliResult {
  int exit_code = 0;
  std::string out;
  std::string err;

  nlohmann::json Json() const { return nlohmann::json::parse(out); }
};

inline std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class CliTest : public ::testing::Test {
 protected:
  CliResult Run(const std::vector<std::string>& arguments,
                const std::string& input = "") {
    dir_.Write("stdin", input);
    int in = open(dir_.File("stdin").c_str(), O_RDONLY | O_CLOEXEC);
    int out = OpenNew("stdout");
    int err = OpenNew("stderr");
    CliResult result;
    result.exit_code = RunWith(arguments, in, out, err);
    for (int fd : {in, out, err}) close(fd);
    result.out = Slurp(dir_.File("stdout"));
    result.err = Slurp(dir_.File("stderr"));
    return result;
  }
  int RunWith(const std::vector<std::string>& arguments, int in, int out,
              int err) {
    cli::Environment environment{
        .in = in,
        .out = out,
        .err = err,
        .is_terminal = [this](int) { return terminal_; },
        .clock = clock_,
        .connect = [this](std::chrono::milliseconds timeout)
            -> StatusOr<std::unique_ptr<client::Client>> {
          timeout_ = timeout;
          if (!connect_failure_.ok()) return connect_failure_;
          std::unique_ptr<client::Client> client =
              std::make_unique<FakeClient>(fake_);
          return client;
        },
        .become_strongroomd =
            [this](const std::vector<std::string>& words) {
              handed_over_ = words;
              return Error(Reason::kFileUnreadable, "no strongroomd");
            }};
    return cli::Run(arguments, environment);
  }
  int OpenNew(const std::string& name) {
    return open(dir_.File(name).c_str(),
                O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  }
  bool Exists(const std::string& path) {
    return access(path.c_str(), F_OK) == 0;
  }

  TempDir dir_;
  FakeClock clock_;
  FakeBehaviour fake_;
  bool terminal_ = false;
  Status connect_failure_;
  std::vector<std::string> handed_over_;
  std::chrono::milliseconds timeout_{0};
};

}  // namespace strongroom::testing
