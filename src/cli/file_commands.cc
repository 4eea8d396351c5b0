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
#include "cli/file_walk.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/text.h"

namespace strongroom::cli {
namespace {

using client::FileOpener;
using client::FileOptions;
using client::FileSealer;
using client::Sink;
using client::Source;

// What every one of many files needs, checked once.
struct Job {
  Session& session;
  const FileArgs& args;
  client::Client& client;
  client::Context context;
  bool alone = true;  // shows its progress, and uses all cores

  FileOptions Options(Progress* progress) const {
    FileOptions options;
    options.context = context;
    options.chunk_log2 = args.chunk_log2;
    options.threads = alone ? 0 : 1;
    if (alone) {
      options.progress = [progress](uint64_t done) { progress->Show(done); };
    }
    return options;
  }
};

OutputSpec Target(const FileArgs& args, const std::string& path,
                  const char* option) {
  OutputSpec spec;
  spec.path = path;
  spec.option = option;
  spec.force = args.data.force;
  return spec;
}

struct Made {
  uint64_t size = 0;
  uint32_t key_version = 0;
};

StatusOr<Made> EncryptOne(const Job& job, const std::string& in,
                          const std::string& out, const std::string& side) {
  const Environment& environment = job.session.environment();
  const OutputSpec body_spec = Target(job.args, out, "OUT");
  SR_RETURN_IF_ERROR(CheckOutput(environment, body_spec));
  SR_ASSIGN_OR_RETURN(InputFile source, InputFile::Open(environment, in));
  SR_ASSIGN_OR_RETURN(OutputFile body,
                      OutputFile::Open(environment, body_spec));
  if (source.is_regular()) body.KeepMetadata(source.about());
  Progress progress(environment, "encrypting " + source.name(), source.size());
  const FileSealer sealer(job.client, job.args.data.key,
                          job.Options(&progress));
  const Sink sink = client::SinkOf(body.fd(), body.name());
  if (side.empty()) {
    SR_ASSIGN_OR_RETURN(const client::SealedFile sealed,
                        sealer.Seal(source.source(), sink));
    SR_RETURN_IF_ERROR(source.CheckUnchanged());
    SR_RETURN_IF_ERROR(body.Finish());
    return Made{sealed.plaintext_size, sealed.key_version};
  }
  const OutputSpec side_spec = Target(job.args, side, "--side");
  SR_RETURN_IF_ERROR(CheckOutput(environment, side_spec));
  SR_ASSIGN_OR_RETURN(OutputFile head,
                      OutputFile::Open(environment, side_spec));
  const Sink head_sink = client::SinkOf(head.fd(), head.name());
  SR_ASSIGN_OR_RETURN(const client::SealedFile sealed,
                      sealer.Seal(source.source(), sink, &head_sink));
  SR_RETURN_IF_ERROR(source.CheckUnchanged());
  // The body first, the side file last: a side file has a whole body.
  SR_RETURN_IF_ERROR(body.Finish());
  SR_RETURN_IF_ERROR(head.Finish());
  return Made{sealed.plaintext_size, sealed.key_version};
}

// On a stream some bytes may have left before the failure.
Status Discard(const Status& status, const OutputFile& out) {
  if (out.is_regular()) return status;
  return Error(ReasonOf(status), std::string(status.message()) +
                                     "; what was written to " + out.name() +
                                     " is not whole and must be discarded");
}

StatusOr<Made> DecryptOne(const Job& job, const std::string& in,
                          const std::string& out, const std::string& side) {
  const Environment& environment = job.session.environment();
  OutputSpec spec = Target(job.args, out, "OUT");
  spec.secret = true;
  spec.text_to_terminal = true;
  SR_RETURN_IF_ERROR(CheckOutput(environment, spec));
  SR_ASSIGN_OR_RETURN(InputFile source, InputFile::Open(environment, in));
  SR_ASSIGN_OR_RETURN(OutputFile target, OutputFile::Open(environment, spec));
  if (source.is_regular()) target.KeepMetadata(source.about());
  Progress progress(environment, "decrypting " + source.name(), source.size());
  const FileOpener opener(job.client, job.Options(&progress));
  const Sink sink = client::SinkOf(target.fd(), target.name());
  StatusOr<uint64_t> size = 0;
  if (side.empty()) {
    size = opener.Open(source.source(), sink);
  } else {
    SR_ASSIGN_OR_RETURN(const InputFile head,
                        InputFile::Open(environment, side));
    const Source head_source = head.source();
    size = opener.Open(source.source(), sink, &head_source);
  }
  if (!size.ok()) return Discard(size.status(), target);
  SR_RETURN_IF_ERROR(target.Finish());
  return Made{*size, 0};
}

// Into another directory, under the same names (with or without the suffix);
// what is there already is skipped, so that the same command goes on.
template <typename One>
Status DoTree(const Job& job, bool sealing, const One& one) {
  const FileArgs& args = job.args;
  namespace fs = std::filesystem;
  if (args.out.empty()) {
    return UsageError("--recursive wants a second directory, to write to");
  }
  SR_ASSIGN_OR_RETURN(const std::vector<std::string> found,
                      WalkFiles(args.in, args.globs));
  const std::string suffix = kEnvelopeSuffix;
  const auto work = [&](const std::string& path) -> StatusOr<Done> {
    if (!sealing && !path.ends_with(suffix)) return Done::kSkipped;
    const std::string out =
        args.out + "/" +
        (sealing ? path + suffix : path.substr(0, path.size() - suffix.size()));
    if (!args.data.force && StatOf(out)) return Done::kSkipped;
    if (args.dry_run) return Done::kDone;
    std::error_code error;
    fs::create_directories(DirectoryOf(out), error);
    if (error) {
      return Error(Reason::kFileUnreadable,
                   "cannot make " + DirectoryOf(out) + ": " + error.message());
    }
    SR_RETURN_IF_ERROR(one(job, args.in + "/" + path, out, "").status());
    return Done::kDone;
  };
  const WalkResult result = DoEach(found, args.jobs, work);
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
      return DoTree(Job{session, *args, *client, context, args->jobs == 1},
                    true, EncryptOne);
    }
    const std::string out =
        args->out.empty() ? args->in + kEnvelopeSuffix : args->out;
    std::string side = args->side;
    if (args->detached && side.empty()) {
      if (out == "-") return UsageError("--detached wants OUT, or --side");
      side = out + kSideSuffix;
    }
    SR_RETURN_IF_ERROR(
        CheckOutput(session.environment(), Target(*args, out, "OUT")));
    SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
    SR_ASSIGN_OR_RETURN(
        const Made made,
        EncryptOne(Job{session, *args, *client, context}, args->in, out, side));
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
      return DoTree(Job{session, *args, *client, context, args->jobs == 1},
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
                        DecryptOne(Job{session, *args, *client, context},
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
