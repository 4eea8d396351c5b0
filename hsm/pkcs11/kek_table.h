// KekTable: which handle a KEK has, and what is known to prove it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "hsm/pkcs11/cryptoki.h"
#include "strongroom/base/mutex.h"
#include "strongroom/base/names.h"
#include "strongroom/hsm/device.h"

namespace strongroom::hsm {

// KekTable is thread-safe and calls nobody. A handle is a hint: after a token
// was initialised again it may name another key, hence `proved`.
class KekTable {
 public:
  struct Entry {
    std::optional<CK_OBJECT_HANDLE> handle;
    std::shared_ptr<const KnownAnswer> known_answer;
    bool proved = false;     // this handle opened this known answer
    bool refuted = false;    // the object with this id is another key
    bool forgotten = false;  // not to be used until adopted again
  };

  // Get is an empty entry for ids it does not know.
  Entry Get(const Uuid& id) const SR_EXCLUDES(mutex_);

  // ReplaceHandles takes over one enumeration; nothing is proved any more.
  void ReplaceHandles(const std::map<Uuid, CK_OBJECT_HANDLE>& handles)
      SR_EXCLUDES(mutex_);
  void SetHandle(const Uuid& id, CK_OBJECT_HANDLE handle) SR_EXCLUDES(mutex_);
  // DropHandle is for one that the token no longer knows; a newer stays.
  void DropHandle(const Uuid& id, CK_OBJECT_HANDLE handle) SR_EXCLUDES(mutex_);
  // MarkProved and MarkRefuted count only for the known answer they were
  // reached with: it may have been replaced in between.
  void MarkProved(const Uuid& id, CK_OBJECT_HANDLE handle,
                  const KnownAnswer* with) SR_EXCLUDES(mutex_);
  void MarkRefuted(const Uuid& id, const KnownAnswer* with) SR_EXCLUDES(mutex_);
  // Doubt makes the next use prove the KEK again.
  void Doubt(const Uuid& id) SR_EXCLUDES(mutex_);

  void Created(const Uuid& id, CK_OBJECT_HANDLE handle) SR_EXCLUDES(mutex_);
  void Adopt(const KekReference& kek) SR_EXCLUDES(mutex_);
  void Forget(const Uuid& id) SR_EXCLUDES(mutex_);
  void Destroyed(const Uuid& id) SR_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::unordered_map<Uuid, Entry> entries_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::hsm
