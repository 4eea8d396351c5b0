// Options that the file commands share.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "cli/data_args.h"
#include "strongroom/client/files.h"

namespace strongroom::cli {

struct FileArgs {
  DataArgs data;  // key, context, force
  std::string in;
  std::string out;
  std::string side;
  bool detached = false;
  int chunk_log2 = envelope::kDefaultChunkLog2;
  bool recursive = false;
  bool dry_run = false;
  std::vector<std::string> globs;
  int jobs = 4;
};

inline constexpr char kEnvelopeSuffix[] = ".sr";
inline constexpr char kSideSuffix[] = ".side";

void AddRecursive(CLI::App& command, FileArgs* args);
// FileContext is the context given, or the format's default.
StatusOr<client::Context> FileContext(const FileArgs& args);

// InputFile is a file or standard input that is read once.
class InputFile {
 public:
  // FILE_UNREADABLE, naming it, if it cannot be opened or is a directory.
  static StatusOr<InputFile> Open(const Environment& environment,
                                  const std::string& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();

  int fd() const { return fd_; }
  const std::string& name() const { return name_; }
  const struct stat& about() const { return about_; }
  bool is_regular() const { return S_ISREG(about_.st_mode); }
  uint64_t size() const;  // 0 if it is not known
  client::Source source() const { return client::SourceOf(fd_, name_); }
  // CheckUnchanged: CONFLICT if a regular file was changed since it was opened.
  Status CheckUnchanged() const;

 private:
  InputFile(int fd, std::string name, bool owned)
      : fd_(fd), name_(std::move(name)), owned_(owned) {}
  int fd_;
  std::string name_;
  bool owned_;
  struct stat about_ {};
};

}  // namespace strongroom::cli
