#include "cli/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "cli/output_file.h"
#include "cli/report.h"
#include "cli/text.h"
#include "strongroom/base/secret_bytes.h"

namespace strongroom::cli {
namespace {

Status WriteBytes(const Environment& environment, const OutputSpec& spec,
                  ByteView bytes) {
  SR_ASSIGN_OR_RETURN(OutputFile file, OutputFile::Open(environment, spec));
  SR_RETURN_IF_ERROR(WriteAll(file.fd(), file.name(), bytes));
  return file.Finish();
}

Status BinaryToTerminal(const OutputSpec& spec) {
  return UsageError(
      "the result is not text and standard output is a terminal; "
      "add --base64, or name a file with " +
      spec.option);
}

}  // namespace

Status CheckOutput(const Environment& environment, const OutputSpec& spec) {
  if (spec.path == "-") {
    bool binary = !spec.base64 && !spec.text_to_terminal;
    if (binary && environment.is_terminal(environment.out)) {
      return BinaryToTerminal(spec);
    }
    return OkStatus();
  }
  auto there = StatOf(spec.path);
  if (there.has_value() && S_ISDIR(there->st_mode)) {
    return Unwritable(spec.path, "open", EISDIR);
  }
  if (there.has_value() && !S_ISREG(there->st_mode)) return OkStatus();
  if (there.has_value() && !MayReplace(spec)) {
    return Error(
        Reason::kFileUnreadable,
        spec.path + ": exists; name another file, or replace it with --force");
  }
  std::string directory = DirectoryOf(spec.path);
  if (access(directory.c_str(), W_OK | X_OK) != 0) {
    return Unwritable(spec.path, "directory " + directory, errno);
  }
  return OkStatus();
}

Status WriteOutput(const Environment& environment, const OutputSpec& spec,
                   ByteView bytes) {
  if (spec.base64) {
    std::string text = ToBase64(bytes);
    SecretBytes line(text.size() + 1);
    std::memcpy(line.ExposeMutable().data(), text.data(), text.size());
    line.ExposeMutable()[text.size()] = '\n';
    WipeString(&text);
    return WriteBytes(environment, spec, line.Expose());
  }
  if (spec.path == "-" && environment.is_terminal(environment.out) &&
      !IsPrintable(AsText(bytes))) {
    return BinaryToTerminal(spec);
  }
  return WriteBytes(environment, spec, bytes);
}

Status WriteStandardOutput(const Environment& environment, ByteView bytes) {
  return WriteAll(environment.out, "standard output", bytes);
}

}  // namespace strongroom::cli
