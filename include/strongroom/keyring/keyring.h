// Keyring: keys and their versions, what state permits what, and every change
// of them, crash-safe on store and token together.
//
// Readers use an immutable Snapshot and never wait. Changes are serialised.
// A KEK is created in the order: PENDING row, object on the token, known
// answer, ENABLED and primary in one transaction; destroyed in the order:
// DESTROY_SCHEDULED row, object off the token, DESTROYED row. A crash between
// any two steps is repaired by Start. Nothing that this store does not own is
// ever destroyed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/metrics.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "strongroom/batching/engine.h"
#include "strongroom/hsm/device.h"
#include "strongroom/keyring/signing_key.h"
#include "strongroom/keyring/snapshot.h"
#include "strongroom/model/key.h"
#include "strongroom/store/store.h"

namespace strongroom::keyring {

using model::Key;
using model::KeyChange;
using model::KeySettings;
using model::RegistrationRule;
using model::StateName;
using model::Traces;
using model::Version;
using model::VersionState;

// What may be asked of a version, and so may be forbidden by its state.
enum class VersionUse { kSeal, kOpen };
enum class VersionMove { kEnable, kDisable, kScheduleDestroy, kCancelDestroy };
// Permits and Target read the one table of states.
bool Permits(VersionState state, VersionUse use);
// Target is the state a move leads to; nullopt if it is not allowed from here.
std::optional<VersionState> Target(VersionState from, VersionMove move);

// Bounds of SP 800-38D 8.3 for random IVs, with room to act.
inline constexpr uint64_t kRotateAtSeals = 1ull << 30;
inline constexpr uint64_t kRefuseAtSeals = 1ull << 31;

// NewKey is what CreateKey is told.
struct NewKey {
  KeyName name;
  KeySettings settings;
};

// What Start found and did, for the log and for tests.
struct RecoveryReport {
  int finished = 0;   // PENDING versions brought to ENABLED
  int removed = 0;    // PENDING versions taken back, objects included
  int destroyed = 0;  // destructions completed
  // ENABLED and DISABLED versions whose object is not on the token: they
  // answer KEK_NOT_ON_TOKEN.
  int missing_keks = 0;
  int unknown_objects = 0;  // ours by label, but of no row: left alone
  // DESTROYED versions whose KEK is on the token (again): left alone.
  int returned_keks = 0;
  int held = 0;  // scheduled destructions that are held back
  // KEKs of other installations beside a store that has no key: is it the
  // right store?
  int foreign_keks = 0;
};

// Event is what the keyring does by itself, for the audit log. It is told
// before it begins (it does not, if that fails) and when it is done.
struct Event {
  enum class Kind { kRotation, kDestruction, kRetirement };
  Kind kind = Kind::kRotation;
  bool done = false;
  std::string key;
  uint32_t version = 0;  // rotated from, destroyed, or retired
  Status outcome;        // if done
};

struct KeyringOptions {
  uint64_t ledger_block = 65536;  // seals reserved at a time
  std::function<void(const Uuid& key_id)> end_windows;  // Engine::EndWindows
  // What was scheduled before the start is destroyed this long after it at the
  // earliest, so that whoever restored an old copy of everything can look.
  std::chrono::seconds destruction_grace{86400};
  // How long disabling waits for opens that have begun.
  std::chrono::milliseconds use_patience{10000};
  std::function<Status(const Event&)> record;  // durably; may be absent
  // Called in the transaction that gives a key with rewrap_on_rotation a new
  // primary; its failure fails the rotation. May be absent.
  std::function<Status(store::Transaction&, const Uuid& key_id)> rotated;
};

// OwnedObject is an object on the token and what the store knows of it:
// "kek payments/cards v3", "destroyed kek payments/cards v1" (it came back),
// "signing key", "unknown installation", "unknown to this store", "foreign".
struct OwnedObject {
  hsm::TokenObject object;
  std::string owner;
};

class Keyring final : public batching::KekSource {
 public:
  // Everything given outlives it. `end_windows` may be set later: the engine
  // needs the keyring first.
  Keyring(store::Store& store, hsm::Device& device, const Clock& clock,
          Metrics& metrics, KeyringOptions options);
  ~Keyring() override;

  StatusOr<batching::KekRef> Primary(const Uuid& key_id) override;
  StatusOr<batching::KekRef> ForSeal(const Uuid& key_id) override;
  StatusOr<batching::KekRef> ForOpen(const Uuid& key_id,
                                     uint32_t version) override;
  bool SealIsCurrent(const batching::KekRef& kek) override;

  // Start recovers and publishes the first snapshot. Call once, before use.
  // What cannot be recovered now (a lease of another process, a device that
  // fails) is logged and tried again by RunDue. If the store may be an old copy
  // (it is behind its watermark, or the token holds objects of this
  // installation that it does not know), its scheduled destructions are held.
  StatusOr<RecoveryReport> Start();

  std::shared_ptr<const Snapshot> Current() const;

  // Every change blocks until it is durable and visible, and answers with the
  // key as it is then. Failures beside those named: STORE_*, HSM_*, CONFLICT
  // (another process holds the key's lease).
  // CreateKey: KEY_EXISTS, ARGUMENT_INVALID.
  StatusOr<std::shared_ptr<const Key>> CreateKey(const NewKey& key);
  // The rest: KEY_NOT_FOUND, VERSION_NOT_FOUND; VERSION_STATE when the table
  // forbids the move (the message says found and wanted). Disabling or
  // scheduling the primary is VERSION_STATE: rotate first. When a version was
  // disabled or scheduled, no open under it runs any more; DEADLINE_EXCEEDED,
  // with the change made, if one did not end in `use_patience`.
  StatusOr<std::shared_ptr<const Key>> UpdateKey(const Uuid& id,
                                                 const KeyChange& change);
  StatusOr<std::shared_ptr<const Key>> Rotate(const Uuid& id);
  // Scheduling a destruction is also DEKS_OUTSTANDING while registered DEKs
  // are wrapped under the version, and UNREGISTERED_WRAPS if it may have issued
  // others, or a caller reports that it keeps some, and that is not
  // acknowledged; both say what was seen.
  StatusOr<std::shared_ptr<const Key>> Move(const Uuid& id, uint32_t version,
                                            VersionMove move,
                                            bool acknowledge_unregistered);
  StatusOr<std::shared_ptr<const Key>> Move(const Uuid& id, uint32_t version,
                                            VersionMove move) {
    return Move(id, version, move, false);
  }

  // CountIssued counts wraps that are not registered, before they are given
  // out: if it fails, they must not be. Touches the disk when what was reserved
  // is used up, which doubles each time. VERSION_NOT_FOUND, CONFLICT (the
  // version is on its way to destruction: seal again), STORE_*.
  Status CountIssued(const Uuid& key_id, uint32_t version, uint64_t wraps);
  // NoteOpened: a wrap under this version was opened, or moved, for a caller.
  void NoteOpened(const Uuid& key_id, uint32_t version);
  // TracesOf gives those of each version that is not DESTROYED, by number.
  StatusOr<std::vector<Traces>> TracesOf(const Uuid& key_id);

  // SealsCounted is the ledger's upper bound for one version.
  uint64_t SealsCounted(const Uuid& key_id, uint32_t version) const;

  // RunDue does what time or the ledger asks for: at most one rotation, one
  // retirement and one scheduled destruction, then ledgers and what is left to
  // recover. A version is retired, that is disabled, when its time is over and
  // no registered DEK is wrapped under it. If its key has demanded registration
  // from the first version on, and nobody claims to keep anything under it, its
  // destruction is scheduled, a day ahead or more. Called by
  // one timer; gives when to call again (at most 30 s away). Failures are
  // logged and tried again later.
  WallTime RunDue();

  // DescribeObjects lists what is on the token. HSM_*, STORE_*.
  StatusOr<std::vector<OwnedObject>> DescribeObjects();

  // signing is the pair that signs this installation's reports.
  SigningKey& signing();

  // Close stores the counts of wraps exactly, when no more are made.
  void Close();

 private:
  struct House;
  const std::unique_ptr<House> house_;
};

}  // namespace strongroom::keyring
