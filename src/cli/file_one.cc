#include "cli/file_one.h"

#include "cli/output_file.h"

namespace strongroom::cli {
namespace {

using client::FileOpener;
using client::FileOptions;
using client::FileSealer;
using client::Sink;
using client::Source;

FileOptions OptionsOf(const FileJob& job, Progress* own) {
  FileOptions options;
  options.context = job.context;
  options.chunk_log2 = job.args.chunk_log2;
  options.threads = job.alone ? 0 : 1;
  options.progress = (job.progress ? job.progress : own)->OfFile();
  return options;
}

// Reads all of `source` into `body`, and into `head` if there is one.
StatusOr<Made> SealInto(const FileJob& job, const InputFile& source,
                        const OutputFile& body, const OutputFile* head) {
  Progress progress(job.session.environment(), "encrypting " + source.name(),
                    {.bytes = source.size()});
  const FileSealer sealer(job.client, job.args.data.key,
                          OptionsOf(job, &progress));
  const Sink sink = client::SinkOf(body.fd(), body.name());
  const Sink head_sink =
      head ? client::SinkOf(head->fd(), head->name()) : nullptr;
  StatusOr<client::SealedFile> sealed =
      sealer.Seal(source.source(), sink, head ? &head_sink : nullptr);
  Status status = sealed.status();
  if (status.ok()) status = source.CheckUnchanged();
  if (!status.ok()) return body.WhatIsLeft(status);
  return Made{sealed->plaintext_size, sealed->key_version};
}

}  // namespace

OutputSpec OutputOf(const FileArgs& args, const std::string& path,
                    const char* option) {
  OutputSpec spec;
  spec.path = path;
  spec.option = option;
  spec.force = args.data.force;
  return spec;
}

StatusOr<Made> EncryptOne(const FileJob& job, const std::string& in,
                          const std::string& out, const std::string& side) {
  const Environment& environment = job.session.environment();
  const OutputSpec body_spec = OutputOf(job.args, out, "OUT");
  SR_RETURN_IF_ERROR(CheckOutput(environment, body_spec));
  SR_ASSIGN_OR_RETURN(InputFile source, InputFile::Open(environment, in));
  SR_ASSIGN_OR_RETURN(OutputFile body,
                      OutputFile::Open(environment, body_spec));
  if (source.is_regular()) body.KeepMetadata(source.about());
  if (side.empty()) {
    SR_ASSIGN_OR_RETURN(const Made made, SealInto(job, source, body, nullptr));
    SR_RETURN_IF_ERROR(body.Finish());
    return made;
  }
  const OutputSpec side_spec = OutputOf(job.args, side, "--side");
  SR_RETURN_IF_ERROR(CheckOutput(environment, side_spec));
  SR_ASSIGN_OR_RETURN(OutputFile head,
                      OutputFile::Open(environment, side_spec));
  SR_ASSIGN_OR_RETURN(const Made made, SealInto(job, source, body, &head));
  // The body first, the side file last: a side file has a whole body.
  SR_RETURN_IF_ERROR(body.Finish());
  const Status finished = head.Finish();
  if (finished.ok()) return made;
  return Annotate(finished, body.name() +
                                " is whole, but opens with its side file "
                                "alone, which was not made: encrypt again");
}

StatusOr<Made> DecryptOne(const FileJob& job, const std::string& in,
                          const std::string& out, const std::string& side) {
  const Environment& environment = job.session.environment();
  OutputSpec spec = OutputOf(job.args, out, "OUT");
  spec.secret = true;
  spec.text_to_terminal = true;
  SR_RETURN_IF_ERROR(CheckOutput(environment, spec));
  SR_ASSIGN_OR_RETURN(InputFile source, InputFile::Open(environment, in));
  SR_ASSIGN_OR_RETURN(OutputFile target, OutputFile::Open(environment, spec));
  if (source.is_regular()) target.KeepMetadata(source.about());
  Progress progress(environment, "decrypting " + source.name(),
                    {.bytes = source.size()});
  const FileOpener opener(job.client, OptionsOf(job, &progress));
  const Sink sink = [&](ByteView bytes) {
    return (target.is_regular() ? WriteWithHoles : WriteAll)(
        target.fd(), target.name(), bytes);
  };
  StatusOr<uint64_t> size = 0;
  if (side.empty()) {
    size = opener.Open(source.source(), sink);
  } else {
    SR_ASSIGN_OR_RETURN(const InputFile head,
                        InputFile::Open(environment, side));
    const Source head_source = head.source();
    size = opener.Open(source.source(), sink, &head_source);
  }
  if (!size.ok()) return target.WhatIsLeft(size.status());
  SR_RETURN_IF_ERROR(target.Finish());
  return Made{*size, 0};
}

}  // namespace strongroom::cli
