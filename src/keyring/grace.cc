#include "keyring/grace.h"

#include "strongroom/base/log.h"

namespace strongroom::keyring {

using namespace std::chrono_literals;

void Grace::Begin(const Turn&) {
  ends_ = parts_.clock.Steady() + parts_.options.destruction_grace;
  const WallTime now = parts_.clock.Now();
  for (const auto& [name, key] : parts_.catalogue.Get()->snapshot->keys()) {
    for (const Version& version : key->versions) {
      if (version.state != VersionState::kDestroyScheduled ||
          version.destruction_held) {
        continue;
      }
      waiting_.insert({key->id, version.number});
      if (version.destroy_time > now ||
          parts_.options.destruction_grace == 0s) {
        continue;
      }
      log::Warning(
          "a destruction is overdue since before the start: it is carried out "
          "after the grace period, unless it is cancelled",
          {{"version", name + " v" + std::to_string(version.number)},
           {"grace_seconds", parts_.options.destruction_grace.count()}});
    }
  }
}

void Grace::Forget(const Turn&, const Uuid& key_id, uint32_t version) {
  waiting_.erase({key_id, version});
}

bool Grace::MayDestroy(const Turn&, const Key& key,
                       const Version& version) const {
  if (version.destruction_held) return false;
  return !waiting_.contains({key.id, version.number}) ||
         parts_.clock.Steady() >= ends_;
}

}  // namespace strongroom::keyring
