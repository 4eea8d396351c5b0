// A store as a file: to copy it while it is used, to look at it, and to put
// another in its place.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "strongroom/store/store.h"

namespace strongroom::store {

// StoreFacts is what a store says of itself.
struct StoreFacts {
  Uuid installation_id;
  int schema = 0;
  uint64_t change_seq = 0;
  uint64_t keys = 0;
  uint64_t versions = 0;
  uint64_t deks = 0;        // registered
  uint64_t tombstones = 0;  // shredded ids
  friend bool operator==(const StoreFacts&, const StoreFacts&) = default;
};

// CopySqliteStore makes `to` (mode 0600; it must not exist) a whole store as of
// one moment of `from`, which a server may be using. What was erased there is
// not in the copy. STORE_*; a failure leaves no `to`.
Status CopySqliteStore(const std::string& from, const std::string& to);

// InspectSqliteStore reads a store that nobody writes, and checks the whole of
// it for damage. STORE_SCHEMA_NEWER, STORE_CORRUPT, STORE_UNAVAILABLE.
StatusOr<StoreFacts> InspectSqliteStore(const std::string& path);

// ReadSqliteStore runs `read` on such a store; nothing in it is changed.
Status ReadSqliteStore(const std::string& path,
                       const std::function<Status(ReadTransaction&)>& read);

// EditSqliteStore brings a store that nobody has open to this program's schema,
// runs `edit` in one transaction, and leaves one file, synced.
Status EditSqliteStore(const std::string& path,
                       const std::function<Status(Transaction&)>& edit);

// StorePlace is where a server's store is, held against every server.
class StorePlace {
 public:
  virtual ~StorePlace() = default;

  // Take: STORE_LOCKED while a server, or another of these, is there.
  static StatusOr<std::unique_ptr<StorePlace>> Take(const std::string& path);

  // The store's own name, which links lead to.
  virtual const std::string& path() const = 0;
  virtual bool occupied() const = 0;

  // Put renames the file `prepared`, in the same directory, to the store's
  // path, at once and durably. What was there stays beside it under the name
  // that is given back ("" if nothing was). A crash leaves one or the other.
  virtual StatusOr<std::string> Put(const std::string& prepared,
                                    WallTime now) = 0;
};

}  // namespace strongroom::store
