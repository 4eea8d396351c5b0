// KekTable: which handle a KEK has, and what is known to prove it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "hsm/pkcs11/cryptoki.h"
#include "strongroom/base/mutex.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "strongroom/hsm/device.h"

namespace strongroom::hsm {

// KekNotOnToken is the KEK_NOT_ON_TOKEN error, saying what was found.
Status KekNotOnToken(const Uuid& kek, std::string_view found);

// KekTable is thread-safe and calls nobody. A handle is a hint: after a token
// was away or initialised again it may name another key, hence `proved`.
class KekTable {
 public:
  struct Entry {
    std::optional<CK_OBJECT_HANDLE> handle;
    std::shared_ptr<const KnownAnswer> known_answer;
    bool proved = false;     // this handle opened this known answer
    bool refuted = false;    // the object with this id is another key
    bool forgotten = false;  // not to be used until adopted again
    bool missing = false;    // adopted, but not there or another key
    uint64_t doubts = 0;     // the table's, when this was read
  };

  // Get is an empty entry for ids it does not know.
  Entry Get(const Uuid& id) const SR_EXCLUDES(mutex_);

  // ReplaceHandles takes over one enumeration; nothing is proved any more.
  void ReplaceHandles(const std::map<Uuid, CK_OBJECT_HANDLE>& handles)
      SR_EXCLUDES(mutex_);
  // DoubtAll: the token was out of reach, so each handle must prove again that
  // it names its KEK. What was found out before counts no more, even if it is
  // reported later.
  void DoubtAll() SR_EXCLUDES(mutex_);
  void SetHandle(const Uuid& id, CK_OBJECT_HANDLE handle, const Entry& with)
      SR_EXCLUDES(mutex_);
  // DropHandle is for one that the token no longer knows; a newer stays.
  void DropHandle(const Uuid& id, CK_OBJECT_HANDLE handle) SR_EXCLUDES(mutex_);
  // SetHandle and the marks count only for the entry they were reached with:
  // known answer or token may have been replaced in between.
  void MarkProved(const Uuid& id, CK_OBJECT_HANDLE handle, const Entry& with)
      SR_EXCLUDES(mutex_);
  void MarkRefuted(const Uuid& id, const Entry& with) SR_EXCLUDES(mutex_);
  void MarkMissing(const Uuid& id, const Entry& with) SR_EXCLUDES(mutex_);
  // Doubt makes the next use prove the KEK again.
  void Doubt(const Uuid& id) SR_EXCLUDES(mutex_);

  void Created(const Uuid& id, CK_OBJECT_HANDLE handle) SR_EXCLUDES(mutex_);
  void Adopt(const KekReference& kek) SR_EXCLUDES(mutex_);
  void Forget(const Uuid& id) SR_EXCLUDES(mutex_);
  void Destroyed(const Uuid& id) SR_EXCLUDES(mutex_);

  // Census counts the adopted KEKs. Those that are missing were found to be so
  // when last used, proved or looked for.
  struct Counts {
    size_t adopted = 0;
    size_t missing = 0;
  };
  Counts Census() const SR_EXCLUDES(mutex_);
  // NextToProbe goes round the adopted KEKs, in the order of their ids.
  std::optional<Uuid> NextToProbe() SR_EXCLUDES(mutex_);

 private:
  // The entry that `with` was read from, if it still stands.
  Entry* Same(const Uuid& id, const Entry& with) SR_REQUIRES(mutex_);
  void Unprove() SR_REQUIRES(mutex_);

  mutable Mutex mutex_;
  Uuid probed_ SR_GUARDED_BY(mutex_);
  uint64_t doubts_ SR_GUARDED_BY(mutex_) = 0;
  std::unordered_map<Uuid, Entry> entries_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::hsm
