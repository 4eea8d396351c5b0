#include "cli/file_args.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/input.h"

namespace strongroom::cli {

void AddRecursive(CLI::App& command, FileArgs* args) {
  command.add_flag("--recursive,-r", args->recursive,
                   "All files below a directory");
  command.add_option("--glob", args->globs,
                     "With --recursive: only files that match, as '*.db'");
  command.add_flag("--dry-run", args->dry_run,
                   "With --recursive: say what would be done");
  command.add_option("--jobs", args->jobs, "With --recursive: files at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
}

StatusOr<client::Context> FileContext(const FileArgs& args) {
  if (args.data.context.empty()) return client::DefaultEnvelopeContext();
  return ParseContext(args.data.context);
}

StatusOr<InputFile> InputFile::Open(const Environment& environment,
                                    const std::string& path) {
  const bool standard = path == "-";
  const int fd =
      standard ? environment.in : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  InputFile file(fd, NameOfInput(path), !standard);
  if ((fd < 0 && !standard) || fstat(fd, &file.about_) != 0) {
    return Error(Reason::kFileUnreadable,
                 "cannot open " + file.name_ + ": " + std::strerror(errno));
  }
  if (S_ISDIR(file.about_.st_mode)) {
    return Error(Reason::kFileUnreadable,
                 file.name_ + " is a directory; want a file, or --recursive");
  }
  return file;
}

InputFile::InputFile(InputFile&& other) noexcept
    : fd_(other.fd_),
      name_(std::move(other.name_)),
      owned_(std::exchange(other.owned_, false)),
      about_(other.about_) {}

InputFile::~InputFile() {
  if (owned_ && fd_ >= 0) close(fd_);
}

uint64_t InputFile::size() const {
  return is_regular() ? static_cast<uint64_t>(about_.st_size) : 0;
}

Status InputFile::CheckUnchanged() const {
  if (!is_regular()) return OkStatus();
  struct stat now {};
  if (fstat(fd_, &now) == 0 && now.st_size == about_.st_size &&
      now.st_mtim.tv_sec == about_.st_mtim.tv_sec &&
      now.st_mtim.tv_nsec == about_.st_mtim.tv_nsec) {
    return OkStatus();
  }
  return Error(
      Reason::kConflict,
      name_ + " was changed while it was read; try again when it rests");
}

}  // namespace strongroom::cli
