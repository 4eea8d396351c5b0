// strongroom file encrypt, decrypt, cat.
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <limits>
#include <memory>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/commands.h"
#include "cli/file_args.h"
#include "cli/file_one.h"
#include "cli/file_walk.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/text.h"

namespace strongroom::cli {
namespace {

using client::FileOpener;
using client::FileOptions;
using client::Sink;
using client::Source;

// What becomes of one file of a tree.
struct TreeStep {
  bool is_one = true;  // else it is passed over
  std::string out;
  std::string side;  // "": attached
};

TreeStep SealingStep(const FileArgs& args, const std::string& path) {
  const std::string out = args.out + "/" + path + kEnvelopeSuffix;
  return {.out = out, .side = args.detached ? out + kSideSuffix : ""};
}

TreeStep OpeningStep(const FileArgs& args, const std::string& path) {
  const std::string suffix = kEnvelopeSuffix;
  if (!path.ends_with(suffix)) return {.is_one = false, .out = {}, .side = {}};
  const std::string side = args.in + "/" + path + kSideSuffix;
  return {.out = args.out + "/" + path.substr(0, path.size() - suffix.size()),
          .side = StatOf(side) ? side : ""};
}

// Nothing to do if all is there. A body without its side file is what a run
// that was ended between the two leaves: it opens with nothing.
StatusOr<bool> IsDone(const FileArgs& args, bool sealing,
                      const TreeStep& step) {
  if (args.data.force || !StatOf(step.out)) return false;
  if (!sealing || step.side.empty() || StatOf(step.side)) return true;
  return Error(Reason::kConflict,
               step.out + " is there without its side file " + step.side +
                   ": an earlier run ended between the two, or it is another "
                   "file; remove it and run the same command again");
}

uint64_t SizesOf(const std::string& root,
                 const std::vector<std::string>& paths) {
  uint64_t sum = 0;
  for (const std::string& path : paths) {
    const auto about = StatOf(root + "/" + path);
    if (about) sum += static_cast<uint64_t>(about->st_size);
  }
  return sum;
}

// Into another directory, under the same names (with or without the suffix);
// what is there already is skipped, so that the same command goes on.
template <typename One>
Status DoTree(FileJob job, bool sealing, const One& one) {
  const FileArgs& args = job.args;
  const Environment& environment = job.session.environment();
  namespace fs = std::filesystem;
  if (args.out.empty()) {
    return UsageError("--recursive wants a second directory, to write to");
  }
  if (!args.side.empty()) {
    return UsageError(
        "--side names one file; with --recursive side files are called after "
        "their bodies (encrypt: --detached)");
  }
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> found,
                      WalkFiles(args.in, args.globs));
  Progress progress(environment, sealing ? "encrypting" : "decrypting",
                    {.bytes = environment.is_terminal(environment.err)
                                  ? SizesOf(args.in, found)
                                  : 0,
                     .files = found.size()});
  job.progress = &progress;
  const auto work = [&](const std::string& path) -> StatusOr<Done> {
    const TreeStep step =
        sealing ? SealingStep(args, path) : OpeningStep(args, path);
    if (!step.is_one) return Done::kSkipped;
    SR_ASSIGN_OR_RETURN(const bool done, IsDone(args, sealing, step));
    if (done) return Done::kSkipped;
    if (args.dry_run) return Done::kDone;
    std::error_code error;
    fs::create_directories(DirectoryOf(step.out), error);
    if (error) {
      return Error(
          Reason::kFileUnreadable,
          "cannot make " + DirectoryOf(step.out) + ": " + error.message());
    }
    SR_RETURN_IF_ERROR(
        one(job, args.in + "/" + path, step.out, step.side).status());
    return Done::kDone;
  };
  const auto counted = [&](const std::string& path) {
    const StatusOr<Done> outcome = work(path);
    const bool worked_on = outcome.ok() && *outcome == Done::kDone;
    progress.FileDone(worked_on ? 0 : SizesOf(args.in, {path}));
    return outcome;
  };
  const WalkResult result = DoEach(found, args.jobs, counted);
  const std::string verb = sealing ? "encrypted" : "decrypted";
  if (job.session.json()) {
    SR_RETURN_IF_ERROR(
        job.session.PrintJson(Json{{verb, result.done},
                                   {"skipped", result.skipped},
                                   {"failed", result.failed.size()},
                                   {"dry_run", args.dry_run}}));
  } else {
    SR_RETURN_IF_ERROR(job.session.Print(
        (args.dry_run ? "would be " : "") + verb + ": " +
        std::to_string(result.done) +
        ", skipped (there, or not one): " + std::to_string(result.skipped) +
        ", failed: " + std::to_string(result.failed.size()) + "\n"));
  }
  return Summary(result, job.session.environment().err);
}

Status Say(Session& session, const FileArgs& args, const std::string& out,
           const std::string& side, const Made& made, const char* verb) {
  Json json{{"in", args.in}, {"out", out}, {"bytes", made.size}};
  if (!side.empty()) json["side"] = side;
  if (made.key_version > 0) {
    json["key"] = args.data.key;
    json["key_version"] = made.key_version;
  }
  // Standard output has the data.
  if (out == "-") return OkStatus();
  if (session.json()) return session.PrintJson(json);
  std::string text =
      Printable(out) + ": " + FormatBytes(made.size) + " " + verb;
  if (made.key_version > 0) {
    text += " under " + args.data.key + " version " +
            std::to_string(made.key_version);
  }
  return session.Print(text + "\n");
}

}  // namespace

Runner DeclareFileEncrypt(CLI::App& command) {
  auto args = std::make_shared<FileArgs>();
  AddKeyName(command, &args->data);
  command
      .add_option("IN", args->in, "File to encrypt, or - for standard input")
      ->required();
  command.add_option("OUT", args->out,
                     "Default: IN with .sr; - for standard output");
  AddContext(command, &args->data);
  AddForce(command, &args->data);
  command.add_flag("--detached", args->detached,
                   "Head and body in two files: OUT.side and OUT");
  command.add_option("--side", args->side,
                     "Name of the side file; implies --detached");
  command
      .add_option("--chunk-log2", args->chunk_log2,
                  "Chunks of 2^N bytes, 12 to 24")
      ->check(CLI::Range(12, 24))
      ->capture_default_str();
  AddRecursive(command, args.get());
  return [args](Session& session) -> Status {
    if (args->in == "-" && args->out.empty()) args->out = "-";
    SR_ASSIGN_OR_RETURN(client::Context context, FileContext(*args));
    if (args->recursive) {
      SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
      return DoTree(FileJob{session, *args, *client, context, args->jobs == 1},
                    true, EncryptOne);
    }
    const std::string out =
        args->out.empty() ? args->in + kEnvelopeSuffix : args->out;
    std::string side = args->side;
    if (args->detached && side.empty()) {
      if (out == "-") return UsageError("--detached wants OUT, or --side");
      side = out + kSideSuffix;
    }
    if (!side.empty() && side == out) {
      return UsageError("OUT and --side are one name; want two");
    }
    SR_RETURN_IF_ERROR(
        CheckOutput(session.environment(), OutputOf(*args, out, "OUT")));
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(const Made made,
                        EncryptOne(FileJob{session, *args, *client, context},
                                   args->in, out, side));
    return Say(session, *args, out, side, made, "encrypted");
  };
}

Runner DeclareFileDecrypt(CLI::App& command) {
  auto args = std::make_shared<FileArgs>();
  command.add_option("IN", args->in, "Envelope, or body of a detached one; -")
      ->required();
  command.add_option("OUT", args->out,
                     "Default: IN without .sr; - for standard output");
  AddContext(command, &args->data);
  AddForce(command, &args->data);
  command.add_option("--side", args->side, "Side file of a detached envelope");
  AddRecursive(command, args.get());
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(client::Context context, FileContext(*args));
    if (args->recursive) {
      SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
      return DoTree(FileJob{session, *args, *client, context, args->jobs == 1},
                    false, DecryptOne);
    }
    std::string out = args->out;
    const std::string suffix = kEnvelopeSuffix;
    if (out.empty() && args->in == "-") out = "-";
    if (out.empty() && args->in.size() > suffix.size() &&
        args->in.ends_with(suffix)) {
      out = args->in.substr(0, args->in.size() - suffix.size());
    }
    if (out.empty()) {
      return UsageError(args->in + " does not end in " + suffix +
                        "; say where to write with OUT");
    }
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(const Made made,
                        DecryptOne(FileJob{session, *args, *client, context},
                                   args->in, out, args->side));
    return Say(session, *args, out, "", made, "decrypted");
  };
}

namespace {

// "OFFSET:SIZE", or "OFFSET:" to the end.
Status ParseRange(const std::string& text, uint64_t* offset, uint64_t* size) {
  const auto number = [](std::string_view digits, uint64_t* value) {
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), *value);
    return !digits.empty() && error == std::errc() &&
           end == digits.data() + digits.size();
  };
  const size_t colon = text.find(':');
  *size = std::numeric_limits<uint64_t>::max();
  const std::string_view view = text;
  if (colon == text.npos || !number(view.substr(0, colon), offset) ||
      (colon + 1 < text.size() && !number(view.substr(colon + 1), size))) {
    return UsageError("--range " + text +
                      "; want OFFSET:SIZE in bytes, or OFFSET: to the end");
  }
  return OkStatus();
}

}  // namespace

Runner DeclareFileCat(CLI::App& command) {
  auto args = std::make_shared<FileArgs>();
  auto range = std::make_shared<std::string>("0:");
  command.add_option("IN", args->in, "Envelope, or body of a detached one")
      ->required();
  command.add_option("--range", *range, "OFFSET:SIZE of the plaintext");
  AddContext(command, &args->data);
  command.add_option("--side", args->side, "Side file of a detached envelope");
  return [args, range](Session& session) -> Status {
    uint64_t offset = 0, size = 0;
    SR_RETURN_IF_ERROR(ParseRange(*range, &offset, &size));
    SR_ASSIGN_OR_RETURN(client::Context context, FileContext(*args));
    const Environment& environment = session.environment();
    SR_ASSIGN_OR_RETURN(const InputFile source,
                        InputFile::Open(environment, args->in));
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    FileOptions options;
    options.context = context;
    const FileOpener opener(*client, options);
    const Sink sink = client::SinkOf(environment.out, "standard output");
    StatusOr<uint64_t> written = 0;
    if (args->side.empty()) {
      written =
          opener.OpenRange(source.fd(), source.name(), offset, size, sink);
    } else {
      SR_ASSIGN_OR_RETURN(const InputFile head,
                          InputFile::Open(environment, args->side));
      const Source head_source = head.source();
      written = opener.OpenRange(source.fd(), source.name(), offset, size, sink,
                                 &head_source);
    }
    if (written.ok()) return OkStatus();
    return Error(ReasonOf(written.status()),
                 std::string(written.status().message()) +
                     "; what was written to standard output is not whole and "
                     "must be discarded");
  };
}

}  // namespace strongroom::cli
