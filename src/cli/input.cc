#include "cli/input.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "strongroom/envelope/token.h"

namespace strongroom::cli {
namespace {

// Base64 of the magic "SR" and format 1.
constexpr std::string_view kBase64Magic = "U1IB";

class InputFd {
 public:
  InputFd(int fd, bool owned) : fd_(fd), owned_(owned) {}
  ~InputFd() {
    if (owned_ && fd_ >= 0) close(fd_);
  }
  InputFd(const InputFd&) = delete;
  InputFd& operator=(const InputFd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
  bool owned_;
};

Status Unreadable(const std::string& path, int error) {
  return Error(Reason::kFileUnreadable,
               NameOfInput(path) + ": cannot be read: " + std::strerror(error));
}

Status TooLarge(const InputSpec& spec) {
  return Error(spec.too_large, NameOfInput(spec.path) + ": more than " +
                                   std::to_string(spec.max_size) + " bytes; " +
                                   spec.too_large_advice);
}

// Room for base64 of max_size bytes with line breaks and some slack.
size_t RawLimit(const InputSpec& spec) {
  return spec.base64 ? spec.max_size / 2 * 3 + 4096 : spec.max_size;
}

StatusOr<SecretBytes> ReadRaw(const Environment& environment,
                              const InputSpec& spec) {
  bool standard = spec.path == "-";
  InputFd fd(
      standard ? environment.in : open(spec.path.c_str(), O_RDONLY | O_CLOEXEC),
      !standard);
  if (fd.get() < 0) return Unreadable(spec.path, errno);
  SecretBytes raw(RawLimit(spec) + 1);
  size_t have = 0;
  while (have < raw.size()) {
    MutableByteView room = raw.ExposeMutable().subspan(have);
    ssize_t got = read(fd.get(), room.data(), room.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Unreadable(spec.path, errno);
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  if (have == raw.size()) return TooLarge(spec);
  raw.Truncate(have);
  return raw;
}

StatusOr<SecretBytes> Decode(const InputSpec& spec, const SecretBytes& text) {
  std::optional<Bytes> bytes = FromBase64(AsText(text.Expose()));
  if (!bytes.has_value()) {
    return Error(Reason::kArgumentInvalid,
                 NameOfInput(spec.path) +
                     ": not base64 (RFC 4648, with padding); --base64 is for "
                     "input and output: leave it out to read plain bytes");
  }
  SecretBytes secret = SecretBytes::CopyOf(*bytes);
  WipeMemory(bytes->data(), bytes->size());
  if (secret.size() > spec.max_size) return TooLarge(spec);
  return secret;
}

}  // namespace

std::string NameOfInput(const std::string& path) {
  return path == "-" ? "standard input" : path;
}

StatusOr<SecretBytes> ReadInput(const Environment& environment,
                                const InputSpec& spec) {
  SR_ASSIGN_OR_RETURN(SecretBytes raw, ReadRaw(environment, spec));
  if (!spec.base64) return raw;
  return Decode(spec, raw);
}

StatusOr<SecretBytes> ReadPlaintext(const Environment& environment,
                                    const std::string& path, bool base64) {
  return ReadInput(
      environment,
      {path, base64, envelope::kMaxDataSize, Reason::kPlaintextTooLarge,
       "use `strongroom file encrypt`, or take a data key with `strongroom "
       "datakey` and encrypt on your side"});
}

StatusOr<SecretBytes> ReadDek(const Environment& environment,
                              const std::string& path, bool base64) {
  SR_ASSIGN_OR_RETURN(
      SecretBytes dek,
      ReadInput(environment,
                {path, base64, envelope::kMaxDekSize, Reason::kDekSizeInvalid,
                 "a DEK has 16 to 64 bytes; data goes through `strongroom "
                 "encrypt`"}));
  if (dek.size() >= envelope::kMinDekSize) return dek;
  return Error(Reason::kDekSizeInvalid, NameOfInput(path) + ": " +
                                            std::to_string(dek.size()) +
                                            " bytes; a DEK has 16 to 64 bytes");
}

StatusOr<Bytes> ReadToken(const Environment& environment,
                          const std::string& path, bool base64) {
  SR_ASSIGN_OR_RETURN(
      SecretBytes token,
      ReadInput(environment,
                {path, base64, envelope::kMaxTokenSize, Reason::kMalformed,
                 "no wrapped DEK or ciphertext of Strongroom is so large"}));
  if (token.empty()) {
    return Error(
        Reason::kMalformed,
        NameOfInput(path) + ": empty; want a wrapped DEK or ciphertext");
  }
  if (!base64 && AsText(token.Expose()).substr(0, 4) == kBase64Magic) {
    return Error(Reason::kMalformed,
                 NameOfInput(path) + ": this is base64; add --base64");
  }
  return ToBytes(token.Expose());
}

}  // namespace strongroom::cli
