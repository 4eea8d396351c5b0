// KekSource tells the engine which KEK it may use now.
#pragma once

#include <cstdint>
#include <memory>

#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "strongroom/model/key.h"

namespace strongroom::batching {

// KekRef names the KEK of one key version at the moment it is asked for.
struct KekRef {
  Uuid key_id;
  uint32_t version = 0;
  Uuid kek;  // CKA_ID: the version's UUID
  model::BatchPolicy policy;
  // From ForOpen: the version counts as in use while a copy of this lives.
  std::shared_ptr<const void> use = nullptr;
};

// The engine asks at the moment a token operation is about to start, not when
// the request comes. So no seal starts under a version that has stopped being
// primary and ENABLED.
// Thread rule: every member may be called from any thread. The engine calls
// them under no lock. They do not block on the disk in the common case.
class KekSource {
 public:
  virtual ~KekSource() = default;
  // Primary returns the version that ForSeal would name, and counts nothing:
  // for the policy, and to see that a header needs no rewrap. Cheap.
  // KEY_NOT_FOUND, VERSION_STATE.
  virtual StatusOr<KekRef> Primary(const Uuid& key_id) = 0;
  // ForSeal returns the primary and counts one seal under it. KEY_NOT_FOUND,
  // VERSION_STATE, SEAL_LIMIT_REACHED, STORE_UNAVAILABLE.
  virtual StatusOr<KekRef> ForSeal(const Uuid& key_id) = 0;
  // ForOpen returns a version that may open. VERSION_NOT_FOUND, VERSION_STATE.
  virtual StatusOr<KekRef> ForOpen(const Uuid& key_id, uint32_t version) = 0;
  // SealIsCurrent: may a window opened under `kek` still seal? Cheap.
  virtual bool SealIsCurrent(const KekRef& kek) = 0;
};

}  // namespace strongroom::batching
