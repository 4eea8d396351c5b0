// Catalogue: the keys that are published now, and how rows become them.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "keyring/live_key.h"
#include "keyring/rows.h"
#include "strongroom/base/metrics.h"
#include "strongroom/base/mutex.h"

namespace strongroom::keyring {

// Thread-safe. Publishing copies the maps, so it costs what the number of keys
// costs; many keys are published in one go.
class Catalogue {
 public:
  explicit Catalogue(Metrics& metrics);

  std::shared_ptr<const View> Get() const SR_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return view_;
  }

  // New says how a version is taken up that was not published before: `left`
  // of its reserved seals are this process's to use.
  struct New {
    uint64_t left = 0;
    bool on_token = true;
  };
  using DescribeNew = std::function<New(const store::VersionRow&)>;

  // Publish replaces or adds these keys. A key without a primary was never
  // finished: it is not shown. Fails STORE_CORRUPT, and changes nothing, if a
  // row cannot be.
  Status Publish(const std::vector<KeyRows>& rows, const DescribeNew& describe)
      SR_EXCLUDES(mutex_);
  // Republish is Publish for rows that bring no version that seals.
  Status Republish(const std::vector<KeyRows>& rows) SR_EXCLUDES(mutex_);
  // Published gives the key as it is now; KEY_NOT_FOUND.
  StatusOr<std::shared_ptr<const Key>> Published(const Uuid& id) const
      SR_EXCLUDES(mutex_);

 private:
  void Replace(std::shared_ptr<const View> view) SR_EXCLUDES(mutex_);

  Gauge& keys_gauge_;
  std::vector<std::pair<VersionState, Gauge*>> version_gauges_;
  mutable Mutex mutex_;
  std::shared_ptr<const View> view_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::keyring
