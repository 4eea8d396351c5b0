#include "batching/window_sealer.h"

#include <optional>
#include <utility>

#include "batching/seal_leaves.h"

namespace strongroom::batching {

bool WindowSealer::Seal(const Uuid& key_id, std::vector<Slice>* slices,
                        size_t items) {
  std::optional<Windows::Lease> lease =
      windows_.Claim(key_id, items, clock_.Steady());
  if (!lease) return false;
  const Windows::Window& window = lease->window();
  const Status sealed =
      SealLeaves(window.batch_key, window.kek.key_id, window.batch_id,
                 lease->first_index(), *slices);
  if (sealed.ok()) GiveHeader(window.header, window.kek.version, *slices);
  // Before `done` runs: that may end this key's windows, which waits for us.
  lease.reset();
  if (sealed.ok()) {
    answers_.Finish(std::move(*slices));
  } else {
    answers_.Fail(std::move(*slices), sealed);
  }
  return true;
}

}  // namespace strongroom::batching
