// OutputFile: a file that appears whole or not at all, or a stream as it is.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>

#include "cli/output.h"
#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::cli {

class OutputFile {
 public:
  // Open gives standard output, an existing pipe or device, or a temporary file
  // beside the wanted one. It does not repeat CheckOutput; Finish refuses to
  // replace a file that may not be replaced.
  static StatusOr<OutputFile> Open(const Environment& environment,
                                   const OutputSpec& spec);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();  // without Finish: nothing is left

  int fd() const { return fd_; }
  const std::string& name() const { return name_; }
  // A file, that can be given mode and times; not a stream.
  bool is_regular() const { return regular_; }
  // WhatIsLeft adds the state of the output to a failure's message.
  Status WhatIsLeft(const Status& failure) const;

  // KeepMetadata gives the file the mode and times of another one.
  void KeepMetadata(const struct stat& of) { metadata_ = of; }
  // Finish: all is on the disk, and then has its name. FILE_UNREADABLE.
  Status Finish();

 private:
  OutputFile(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  Status Publish();

  int fd_;
  std::string name_;
  bool owned_ = false;
  bool regular_ = false;
  bool replace_ = false;
  mode_t mode_ = 0600;
  // Its name until it is whole. Empty: it has none (O_TMPFILE), so that nothing
  // is left of it whatever ends the process.
  std::string temporary_;
  std::optional<struct stat> metadata_;
};

// Parts of it that CheckOutput looks at too.
Status Unwritable(const std::string& name, std::string_view step, int error);
std::optional<struct stat> StatOf(const std::string& path);
bool MayReplace(const OutputSpec& spec);
std::string DirectoryOf(const std::string& path);
Status WriteAll(int fd, const std::string& name, ByteView bytes);
// WriteWithHoles is WriteAll for a new file that Finish ends: blocks of 64 KiB
// of zeros are left out, so that a sparse file comes back sparse.
Status WriteWithHoles(int fd, const std::string& name, ByteView bytes);

}  // namespace strongroom::cli
