#include "tests/testing/temp_dir.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace strongroom::testing {
namespace {

[[noreturn]] void Die(const std::string& path) {
  std::perror(path.c_str());
  std::abort();
}

}  // namespace

TempDir::TempDir() {
  const char* parent = std::getenv("TMPDIR");
  path_ = parent != nullptr && *parent != '\0' ? parent : "/tmp";
  path_ += "/strongroom-test-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) Die(path_);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::File(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

std::string TempDir::Write(std::string_view name, std::string_view contents,
                           unsigned mode) const {
  std::string path = File(name);
  std::remove(path.c_str());
  std::ofstream out(path, std::ios::binary);
  out.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  out.close();
  if (!out || chmod(path.c_str(), mode) != 0) Die(path);
  return path;
}

}  // namespace strongroom::testing
