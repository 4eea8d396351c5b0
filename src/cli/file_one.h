// One file sealed or opened: what `file encrypt` and `file decrypt` do, alone
// or for each of a tree.
#pragma once

#include <string>

#include "cli/file_args.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session.h"

namespace strongroom::cli {

// FileJob is checked once and shared by the files of a command.
struct FileJob {
  Session& session;
  const FileArgs& args;
  client::Client& client;
  client::Context context;
  bool alone = true;             // uses all cores
  Progress* progress = nullptr;  // of many files; else each shows its own
};

struct Made {
  uint64_t size = 0;         // of the plaintext
  uint32_t key_version = 0;  // 0: not known
};

// OutputOf is the file at `path`, as --force allows; `option` is for messages.
OutputSpec OutputOf(const FileArgs& args, const std::string& path,
                    const char* option);

// EncryptOne and DecryptOne make the whole of `out`, or nothing; `side` may be
// empty. On a stream some may have left before a failure, which then says so.
StatusOr<Made> EncryptOne(const FileJob& job, const std::string& in,
                          const std::string& out, const std::string& side);
StatusOr<Made> DecryptOne(const FileJob& job, const std::string& in,
                          const std::string& out, const std::string& side);

}  // namespace strongroom::cli
