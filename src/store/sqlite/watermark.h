// WatermarkFile: the highest change_seq of an installation, beside its store.
//
// A restored database is older than what was committed since; this file, which
// no backup of the database holds, is how that is seen.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "strongroom/base/names.h"
#include "strongroom/base/status.h"

namespace strongroom::store {

// The first schema of stores that have one.
inline constexpr int kWatermarkSchema = 2;

// Thread rule: its owner holds a lock.
class WatermarkFile {
 public:
  // Open reads the file. If it is absent, of another installation, or not a
  // watermark, the value is `otherwise`. FILE_UNREADABLE if it is there and
  // cannot be read.
  static StatusOr<std::unique_ptr<WatermarkFile>> Open(
      std::string path, const Uuid& installation,
      std::optional<uint64_t> otherwise);

  std::optional<uint64_t> value() const { return value_; }
  // Raise stores `seq`, durably, if it is higher. FILE_UNREADABLE.
  Status Raise(uint64_t seq);

 private:
  WatermarkFile(std::string path, const Uuid& installation,
                std::optional<uint64_t> value)
      : path_(std::move(path)), installation_(installation), value_(value) {}

  const std::string path_;
  const Uuid installation_;
  std::optional<uint64_t> value_;
};

}  // namespace strongroom::store
