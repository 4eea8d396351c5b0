#include "store/sqlite/watermark.h"

#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <string_view>

#include "strongroom/base/files.h"
#include "strongroom/base/log.h"

namespace strongroom::store {
namespace {

constexpr std::string_view kMagic = "strongroom-watermark-1 ";
constexpr size_t kMaxSize = 256;

// "strongroom-watermark-1 <installation id> <change_seq>\n"
std::optional<uint64_t> Parse(std::string_view text, const Uuid& installation) {
  const std::string start = std::string(kMagic) + installation.ToString() + " ";
  if (!text.starts_with(start) || !text.ends_with('\n')) return std::nullopt;
  text.remove_prefix(start.size());
  text.remove_suffix(1);
  uint64_t seq = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seq);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return seq;
}

}  // namespace

StatusOr<std::unique_ptr<WatermarkFile>> WatermarkFile::Open(
    std::string path, const Uuid& installation,
    std::optional<uint64_t> otherwise) {
  std::optional<uint64_t> value = otherwise;
  struct stat about {};
  if (lstat(path.c_str(), &about) == 0 || errno != ENOENT) {
    SR_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxSize));
    if (const auto found = Parse(text, installation)) {
      value = found;
    } else {
      log::Warning("the watermark is not one of this store",
                   {{"path", path}, {"installation", installation.ToString()}});
    }
  }
  return std::unique_ptr<WatermarkFile>(
      new WatermarkFile(std::move(path), installation, value));
}

Status WatermarkFile::Raise(uint64_t seq) {
  if (value_ && *value_ >= seq) return OkStatus();
  const std::string text = std::string(kMagic) + installation_.ToString() +
                           " " + std::to_string(seq) + "\n";
  SR_RETURN_IF_ERROR(WriteFileAtomically(path_, AsBytes(text), 0600));
  value_ = seq;
  return OkStatus();
}

}  // namespace strongroom::store
