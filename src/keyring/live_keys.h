// LiveKeys: what is published now, and how rows become it.
#pragma once

#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

#include "keyring/seal_ledger.h"
#include "strongroom/base/metrics.h"
#include "strongroom/base/mutex.h"
#include "strongroom/keyring/keyring.h"

namespace strongroom::keyring {

// KeyRows is a key as the store has it.
struct KeyRows {
  store::KeyRow key;
  std::vector<store::VersionRow> versions;
  uint64_t change_seq = 0;

  const store::VersionRow* Find(uint32_t version) const;
};
// ReadRows fails KEY_NOT_FOUND.
StatusOr<KeyRows> ReadRows(store::ReadTransaction& transaction, const Uuid& id);

// The settings of a row, and back: the columns are the store's.
KeySettings SettingsOf(const store::KeyRow& row);
void SetSettings(const KeySettings& settings, store::KeyRow* row);

// LiveVersion is what a version has beside its immutable description. It is
// one object from its first publication on, whatever is published after.
struct LiveVersion {
  LiveVersion(uint64_t reserved, uint64_t left, bool kek_on_token)
      : ledger(reserved, left), on_token(kek_on_token) {}
  SealLedger ledger;
  // Wraps that are not registered: only what is left of them matters here.
  SealLedger issued{0, 0};
  // When it last issued one, and was last opened for a caller, in this process:
  // EncodeTime, 0 for never. Dirty: not stored yet.
  std::atomic<int64_t> last_issued{0};
  std::atomic<int64_t> last_opened{0};
  std::atomic<bool> use_dirty{false};
  const bool on_token;
  // A copy for each open that has begun: its use_count says how many.
  const std::shared_ptr<const int> use = std::make_shared<const int>();
};

struct LiveKey {
  std::shared_ptr<const Key> key;
  std::vector<std::shared_ptr<LiveVersion>> versions;  // as key->versions

  // nullptr if there is no such version.
  LiveVersion* Find(uint32_t number) const;
};

// View is a snapshot with what only the keyring may see of it.
struct View {
  std::shared_ptr<const Snapshot> snapshot = std::make_shared<Snapshot>();
  std::unordered_map<Uuid, std::shared_ptr<const LiveKey>> keys;

  const LiveKey* Find(const Uuid& id) const;
};

// Thread-safe. Publishing copies the maps, so it costs what the number of keys
// costs; many keys are published in one go.
class LiveKeys {
 public:
  explicit LiveKeys(Metrics& metrics);

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

 private:
  void Replace(std::shared_ptr<const View> view) SR_EXCLUDES(mutex_);

  Gauge& keys_gauge_;
  std::vector<std::pair<VersionState, Gauge*>> version_gauges_;
  mutable Mutex mutex_;
  std::shared_ptr<const View> view_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::keyring
