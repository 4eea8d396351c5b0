// strongroom file rewrap, inspect: what stands before the chunks.
#include <unistd.h>

#include <filesystem>
#include <map>
#include <memory>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/commands.h"
#include "cli/file_args.h"
#include "cli/file_walk.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/text.h"
#include "strongroom/base/mutex.h"
#include "strongroom/envelope/token.h"

namespace strongroom::cli {
namespace {

using envelope::BulkForm;
using envelope::BulkHead;
using envelope::BulkSlot;

struct SlotArgs {
  FileArgs file;
  std::vector<std::string> paths;
  bool check = false;
  bool report = false;
  std::string source;
};

StatusOr<BulkHead> HeadAt(const Environment& environment,
                          const std::string& path) {
  SR_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(environment, path));
  return client::ReadHead(file.source());
}

StatusOr<envelope::Token> NewestToken(const BulkHead& head) {
  const std::optional<size_t> newest = head.NewestFirst()[0];
  if (!newest) {
    return Error(Reason::kMalformed,
                 "neither of the envelope's two slots is valid: it is damaged");
  }
  return envelope::ParseToken(head.slots[*newest]->token);
}

// The paths given, or those of all files below the one directory given.
StatusOr<std::vector<std::string>> Paths(const SlotArgs& args) {
  if (!args.file.recursive) return args.paths;
  std::vector<std::string> all;
  for (const std::string& root : args.paths) {
    SR_ASSIGN_OR_RETURN(const std::vector<std::string> found,
                        WalkFiles(root, args.file.globs));
    for (const std::string& path : found) all.push_back(root + "/" + path);
  }
  return all;
}

// Among many files, those that are no envelopes are passed over.
bool IsOther(const Status& status) {
  return ReasonOf(status) == Reason::kMalformed &&
         status.message().find("not an envelope") != std::string_view::npos;
}

// Objects by key and version.
using Dependence = std::map<std::string, std::map<uint32_t, uint64_t>>;

// SourceOf names where the files are: this machine, and the first path.
std::string SourceOf(const SlotArgs& args) {
  if (!args.source.empty()) return args.source;
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  std::error_code error;
  const auto path = std::filesystem::absolute(args.paths.front(), error);
  return std::string(host) + ":" + path.string();
}

// A count that left something out would look like less than there is.
Status Report(Session& session, const SlotArgs& args, const Dependence& found,
              const WalkResult& result) {
  if (!result.failed.empty()) {
    return Error(Reason::kFileUnreadable,
                 "nothing was reported, as " +
                     std::to_string(result.failed.size()) +
                     " files could not be read; mend or leave them out");
  }
  SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
  for (const auto& [key_id, objects] : found) {
    SR_RETURN_IF_ERROR(
        client->ReportDependence({key_id, SourceOf(args), objects}));
  }
  if (session.json()) return OkStatus();
  return session.Print("reported as " + Printable(SourceOf(args)) + "\n");
}

Status Check(Session& session, const SlotArgs& args,
             const std::vector<std::string>& paths) {
  Dependence found;
  Json files = Json::array();
  std::vector<std::vector<std::string>> rows;
  WalkResult result;
  for (const std::string& path : paths) {
    StatusOr<BulkHead> head = HeadAt(session.environment(), path);
    StatusOr<envelope::Token> token =
        head.ok() ? NewestToken(*head) : head.status();
    if (!token.ok() && args.file.recursive && IsOther(token.status())) {
      ++result.skipped;
      continue;
    }
    if (!token.ok()) {
      result.failed.emplace_back(path, token.status());
      continue;
    }
    ++result.done;
    const std::string key = token->header.key_id.ToString();
    ++found[key][token->header.key_version];
    files.push_back({{"file", Printable(path)},
                     {"key_id", key},
                     {"key_version", token->header.key_version}});
    rows.push_back({path, key, std::to_string(token->header.key_version)});
  }
  if (session.json()) {
    SR_RETURN_IF_ERROR(session.PrintJson(
        Json{{"files", files}, {"failed", result.failed.size()}}));
  } else if (!rows.empty()) {
    SR_RETURN_IF_ERROR(
        session.Print(Table({"FILE", "KEY ID", "VERSION"}, rows)));
  }
  if (args.report) {
    if (Status reported = Report(session, args, found, result);
        !reported.ok()) {
      (void)Summary(result, session.environment().err);
      return reported;
    }
  }
  return Summary(result, session.environment().err);
}

Status RewrapAll(Session& session, const SlotArgs& args,
                 const std::vector<std::string>& paths) {
  SR_ASSIGN_OR_RETURN(client::Client * client, session.client());
  const client::Rewrapper rewrapper(*client);
  Progress progress(session.environment(), "rewrapping",
                    {.files = paths.size()});
  Mutex mutex;
  Json files = Json::array();
  std::string said;
  const auto work = [&](const std::string& path) -> StatusOr<Done> {
    if (args.file.recursive || args.file.dry_run) {
      StatusOr<BulkHead> head = HeadAt(session.environment(), path);
      if (!head.ok() && args.file.recursive && IsOther(head.status())) {
        return Done::kSkipped;
      }
      if (!head.ok()) return head.status();
      if (args.file.dry_run) return Done::kDone;
    }
    SR_ASSIGN_OR_RETURN(std::unique_ptr<client::SlotFile> file,
                        client::OpenSlotFile(path));
    SR_ASSIGN_OR_RETURN(const client::RewrapResult moved,
                        rewrapper.Rewrap(*file));
    MutexLock lock(mutex);
    files.push_back({{"file", Printable(path)},
                     {"from_version", moved.from_version},
                     {"to_version", moved.to_version},
                     {"written", moved.written}});
    said += Printable(path) + ": " +
            (moved.written ? "version " + std::to_string(moved.from_version) +
                                 " to " + std::to_string(moved.to_version)
                           : "at version " + std::to_string(moved.to_version) +
                                 " already") +
            "\n";
    return moved.written ? Done::kDone : Done::kSkipped;
  };
  const WalkResult result =
      DoEach(paths, args.file.jobs, [&](const std::string& path) {
        const StatusOr<Done> outcome = work(path);
        progress.FileDone();
        return outcome;
      });
  if (session.json()) {
    SR_RETURN_IF_ERROR(session.PrintJson(Json{{"files", files},
                                              {"rewrapped", result.done},
                                              {"skipped", result.skipped},
                                              {"failed", result.failed.size()},
                                              {"dry_run", args.file.dry_run}}));
  } else {
    if (paths.size() > 1) {
      said += std::string(args.file.dry_run ? "would be " : "") +
              "rewrapped: " + std::to_string(result.done) +
              ", skipped: " + std::to_string(result.skipped) +
              ", failed: " + std::to_string(result.failed.size()) + "\n";
    }
    SR_RETURN_IF_ERROR(session.Print(said));
  }
  // Of one file its own failure says all.
  if (paths.size() == 1 && !result.failed.empty()) {
    return Annotate(result.failed[0].second, Printable(paths[0]));
  }
  return Summary(result, session.environment().err);
}

std::string DescribeSlot(const BulkHead& head, size_t number) {
  const std::optional<BulkSlot>& slot = head.slots[number];
  if (!slot) return head.blank[number] ? "empty" : "not valid (torn?)";
  const StatusOr<envelope::Token> token = envelope::ParseToken(slot->token);
  if (!token.ok()) return "holds no token string";
  return "sequence " + std::to_string(slot->sequence) + ", key " +
         token->header.key_id.ToString() + " version " +
         std::to_string(token->header.key_version);
}

Json SlotJson(const BulkHead& head, size_t number) {
  const std::optional<BulkSlot>& slot = head.slots[number];
  if (!slot) return {{"valid", false}, {"blank", head.blank[number]}};
  Json json{{"valid", true}, {"sequence", slot->sequence}};
  const StatusOr<envelope::Token> token = envelope::ParseToken(slot->token);
  if (token.ok()) {
    json["key_id"] = token->header.key_id.ToString();
    json["key_version"] = token->header.key_version;
    json["batch_id"] = token->header.batch_id.ToString();
  }
  return json;
}

}  // namespace

Runner DeclareFileRewrap(CLI::App& command) {
  auto args = std::make_shared<SlotArgs>();
  command.add_option("FILE", args->paths, "Envelopes or side files")
      ->required();
  command.add_flag("--check", args->check,
                   "List which file depends on which version; change nothing");
  auto* check = command.get_option("--check");
  auto* report = command
                     .add_flag("--report", args->report,
                               "Tell the service the counts, for its census")
                     ->needs(check);
  command
      .add_option("--source", args->source,
                  "Name of the place in the census (default: host:path)")
      ->needs(report);
  AddRecursive(command, &args->file);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(const std::vector<std::string> paths, Paths(*args));
    return args->check ? Check(session, *args, paths)
                       : RewrapAll(session, *args, paths);
  };
}

Runner DeclareFileInspect(CLI::App& command) {
  auto args = std::make_shared<FileArgs>();
  command.add_option("FILE", args->in, "Envelope or side file")->required();
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(const InputFile file,
                        InputFile::Open(session.environment(), args->in));
    SR_ASSIGN_OR_RETURN(const BulkHead head, client::ReadHead(file.source()));
    const bool attached = head.fixed.form == BulkForm::kAttached;
    std::optional<uint64_t> size;
    if (attached && file.is_regular()) {
      const uint64_t start = head.fixed.head_size();
      SR_ASSIGN_OR_RETURN(
          const envelope::BodyShape shape,
          envelope::ShapeOfBody(file.size() < start ? 0 : file.size() - start,
                                head.fixed.chunk_size()));
      size = shape.plaintext_size;
    }
    if (session.json()) {
      return session.PrintJson(
          Json{{"form", attached ? "attached" : "detached"},
               {"chunk_bytes", head.fixed.chunk_size()},
               {"slot_bytes", head.fixed.slot_size()},
               {"salt", ToHex(head.fixed.salt)},
               {"commitment", ToHex(head.fixed.commitment)},
               {"plaintext_bytes", size ? Json(*size) : Json()},
               {"slots", {SlotJson(head, 0), SlotJson(head, 1)}}});
    }
    return session.Print(Facts(
        {{"Form", attached ? "attached" : "detached (this is the side file)"},
         {"Plaintext", size ? FormatBytes(*size) : "not known from this file"},
         {"Chunks", FormatBytes(head.fixed.chunk_size())},
         {"Slots", FormatBytes(head.fixed.slot_size())},
         {"Salt", ToHex(head.fixed.salt)},
         {"Slot 0", DescribeSlot(head, 0)},
         {"Slot 1", DescribeSlot(head, 1)}}));
  };
}

}  // namespace strongroom::cli
