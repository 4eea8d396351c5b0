#include "keyring/uses.h"

#include <thread>

namespace strongroom::keyring {
namespace {

using namespace std::chrono_literals;

Status UnknownKey(const Uuid& key_id) {
  return Error(Reason::kKeyNotFound,
               "there is no key with the id " + key_id.ToString());
}

std::string NameOf(const Key& key, uint32_t version) {
  return "key version " + key.name + " v" + std::to_string(version);
}

Status WrongState(const Key& key, const Version& version,
                  std::string_view use) {
  return Error(Reason::kVersionState,
               NameOf(key, version.number) + " is " +
                   std::string(StateName(version.state)) +
                   "; want ENABLED to " + std::string(use));
}

Status NotOnToken(const Key& key, uint32_t version) {
  return Error(Reason::kKekNotOnToken,
               "the KEK of " + NameOf(key, version) +
                   " was not on the token at start; connect the right token, "
                   "or restore its backup, and start again");
}

batching::KekRef RefOf(const Key& key, const Version& version) {
  return {.key_id = key.id,
          .version = version.number,
          .kek = version.kek_id,
          .policy = key.settings.batch};
}

using namespace std::chrono_literals;

}  // namespace

StatusOr<batching::KekRef> Uses::Primary(const Uuid& key_id) const {
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  const LiveKey* live = view->Find(key_id);
  if (live == nullptr) return UnknownKey(key_id);
  const Version& primary = *live->key->Find(live->key->primary);
  if (!Permits(primary.state, VersionUse::kSeal)) {
    return WrongState(*live->key, primary, "wrap");
  }
  return RefOf(*live->key, primary);
}

StatusOr<batching::KekRef> Uses::ForSeal(const Uuid& key_id) {
  for (;;) {
    const std::shared_ptr<const View> view = parts_.catalogue.Get();
    const LiveKey* live = view->Find(key_id);
    if (live == nullptr) return UnknownKey(key_id);
    const Key& key = *live->key;
    const Version& primary = *key.Find(key.primary);
    LiveVersion& version = *live->Find(key.primary);
    if (!Permits(primary.state, VersionUse::kSeal)) {
      return WrongState(key, primary, "wrap");
    }
    if (!version.on_token) return NotOnToken(key, primary.number);
    if (version.ledger.Count()) return RefOf(key, primary);
    // Reserving waits for the disk; the primary may be another afterwards.
    SR_RETURN_IF_ERROR(ledger_.Reserve(key_id, primary, version));
  }
}

StatusOr<batching::KekRef> Uses::ForOpen(const Uuid& key_id,
                                         uint32_t number) const {
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  const LiveKey* before = view->Find(key_id);
  if (before == nullptr) return UnknownKey(key_id);
  const LiveVersion* found = before->Find(number);
  if (found == nullptr) {
    return Error(Reason::kVersionNotFound,
                 "there is no " + NameOf(*before->key, number));
  }
  // Counted as a use first and looked at afterwards: whoever disables the
  // version publishes that first and counts the uses afterwards.
  std::shared_ptr<const int> use = found->use;
  const std::shared_ptr<const View> now = parts_.catalogue.Get();
  const LiveKey* live = now->Find(key_id);
  if (live == nullptr) return UnknownKey(key_id);
  const Key& key = *live->key;
  const Version* version = key.Find(number);
  if (version == nullptr) {
    return Error(Reason::kVersionNotFound,
                 "there is no " + NameOf(key, number));
  }
  if (!Permits(version->state, VersionUse::kOpen)) {
    return WrongState(key, *version, "unwrap");
  }
  if (!live->Find(number)->on_token) return NotOnToken(key, number);
  batching::KekRef ref = RefOf(key, *version);
  ref.use = std::move(use);
  return ref;
}

bool Uses::SealIsCurrent(const batching::KekRef& kek) const {
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  const LiveKey* live = view->Find(kek.key_id);
  if (live == nullptr || live->key->primary != kek.version) return false;
  const Version* primary = live->key->Find(kek.version);
  return primary->kek_id == kek.kek &&
         Permits(primary->state, VersionUse::kSeal);
}

Status Uses::AwaitEnd(const Uuid& id, uint32_t number) const {
  const std::shared_ptr<const View> view = parts_.catalogue.Get();
  const LiveKey* live = view->Find(id);
  const LiveVersion* version = live == nullptr ? nullptr : live->Find(number);
  if (version == nullptr) return OkStatus();
  // The version's own copy is the first one. Opens end in milliseconds, and
  // nobody is woken for each of them.
  constexpr std::chrono::milliseconds kStep{1};
  for (auto waited = 0ms; version->use.use_count() > 1; waited += kStep) {
    if (waited >= parts_.options.use_patience) {
      return Error(Reason::kDeadlineExceeded,
                   NameOf(*live->key, number) + " is " +
                       std::string(StateName(live->key->Find(number)->state)) +
                       " and no new open can begin, but " +
                       std::to_string(version->use.use_count() - 1) +
                       " that began before have not ended: the token may be "
                       "hanging; nothing is to be done again");
    }
    std::this_thread::sleep_for(kStep);
  }
  return OkStatus();
}

}  // namespace strongroom::keyring
