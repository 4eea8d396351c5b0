#include "cli/file_walk.h"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>

#include "cli/report.h"
#include "cli/text.h"

namespace strongroom::cli {
namespace {

bool Matches(const std::string& path, const std::vector<std::string>& globs) {
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.starts_with(".strongroom-")) return false;
  return globs.empty() ||
         std::ranges::any_of(globs, [&](const std::string& glob) {
           return fnmatch(glob.c_str(), path.c_str(), 0) == 0 ||
                  fnmatch(glob.c_str(), name.c_str(), 0) == 0;
         });
}

}  // namespace

StatusOr<std::vector<std::string>> WalkFiles(
    const std::string& root, const std::vector<std::string>& globs) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> found;
  fs::recursive_directory_iterator at(root, error), end;
  while (!error && at != end) {
    // Its own error: what vanishes meanwhile is no file.
    std::error_code gone;
    if (at->symlink_status(gone).type() == fs::file_type::regular) {
      std::string path = at->path().lexically_relative(root).string();
      if (Matches(path, globs)) found.push_back(std::move(path));
    }
    at.increment(error);
  }
  if (error) {
    return Error(Reason::kFileUnreadable,
                 "cannot walk through " + root + ": " + error.message());
  }
  std::ranges::sort(found);
  return found;
}

WalkResult DoEach(
    const std::vector<std::string>& paths, int jobs,
    const std::function<StatusOr<Done>(const std::string& path)>& work) {
  std::vector<std::optional<StatusOr<Done>>> outcomes(paths.size());
  std::atomic<size_t> next = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < std::max(jobs, 1); ++i) {
    threads.emplace_back([&] {
      for (size_t at = next++; at < paths.size(); at = next++) {
        outcomes[at] = work(paths[at]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  WalkResult result;
  for (size_t i = 0; i < paths.size(); ++i) {
    const StatusOr<Done>& outcome = *outcomes[i];
    if (!outcome.ok()) {
      result.failed.emplace_back(paths[i], outcome.status());
    } else if (*outcome == Done::kDone) {
      ++result.done;
    } else {
      ++result.skipped;
    }
  }
  return result;
}

Status Summary(const WalkResult& result, int err) {
  if (result.failed.empty()) return OkStatus();
  for (const auto& [path, status] : result.failed) {
    const std::string line =
        Printable(path) + ": " + TextReport(status).substr(12);
    [[maybe_unused]] ssize_t put = write(err, line.data(), line.size());
  }
  const auto& [path, first] = result.failed.front();
  return Error(
      ReasonOf(first),
      std::to_string(result.failed.size()) + " of " +
          std::to_string(result.failed.size() + result.done + result.skipped) +
          " files failed, the first of them " + path + ": " +
          std::string(first.message()) +
          "; run the same command again for those that are left");
}

}  // namespace strongroom::cli
