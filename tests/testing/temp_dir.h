// TempDir: a directory of the test's own, gone when the test is over.
#pragma once

#include <string>
#include <string_view>

namespace strongroom::testing {

// TempDir makes a directory under $TMPDIR (or /tmp), mode 0700; its destructor
// removes it and all below it. Ends the test program if it cannot be made.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // File is the path of `name` in the directory; nothing is made.
  std::string File(std::string_view name) const;
  // Write makes (or replaces) the file with exactly this mode; gives its path.
  std::string Write(std::string_view name, std::string_view contents,
                    unsigned mode = 0600) const;

 private:
  std::string path_;
};

}  // namespace strongroom::testing
