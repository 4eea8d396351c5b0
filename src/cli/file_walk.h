// Many files: which they are, and each done once, several at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "strongroom/base/status.h"

namespace strongroom::cli {

// WalkFiles gives the regular files below `root`, as paths relative to it, in
// order, that match one of `globs` (fnmatch on the whole relative path or on
// the file's name; none: all). Links are not followed; temporary files of ours
// are left out. FILE_UNREADABLE.
StatusOr<std::vector<std::string>> WalkFiles(
    const std::string& root, const std::vector<std::string>& globs);

enum class Done { kDone, kSkipped };
struct WalkResult {
  size_t done = 0;
  size_t skipped = 0;
  std::vector<std::pair<std::string, Status>> failed;  // in order
};
// DoEach does `work` for every path on `jobs` threads; one failure does not
// stop the others.
WalkResult DoEach(
    const std::vector<std::string>& paths, int jobs,
    const std::function<StatusOr<Done>(const std::string& path)>& work);

// Summary writes each failure to `err`, and gives OK, or the first failure with
// the number of them.
Status Summary(const WalkResult& result, int err);

}  // namespace strongroom::cli
