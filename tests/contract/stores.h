// The stores that the contract is held against, each with a second replica.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "store/sql/transaction.h"
#include "store/sqlite/connection.h"
#include "strongroom/store/sqlite.h"
#include "strongroom/store/store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/memory_store.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::store {

// StoreRig has a store of a kind, "Memory" or "Sqlite", on a clock of its own.
class StoreRig {
 public:
  using Change = std::function<Status(Transaction&)>;

  explicit StoreRig(const std::string& kind) {
    if (kind == "Memory") {
      auto memory = std::make_unique<testing::MemoryStore>(clock_);
      memory_ = memory.get();
      store_ = std::move(memory);
      return;
    }
    auto opened = OpenSqliteStore({.path = path_, .clock = clock_});
    EXPECT_OK(opened);
    if (opened.ok()) store_ = *std::move(opened);
  }

  // UpdateAsAnother runs `change` as another process on the same store would.
  // One process has a SQLite store: there it is a second connection.
  Status UpdateAsAnother(const Change& change) {
    if (memory_ != nullptr) {
      return memory_->UpdateAs(another_, /*in_order=*/true, change);
    }
    SR_ASSIGN_OR_RETURN(auto db,
                        SqliteConnection::Open(
                            path_, SqliteConnection::Mode::kReadWrite, clock_));
    SR_RETURN_IF_ERROR(db->Execute("BEGIN IMMEDIATE"));
    SqlTransaction transaction(*db, another_, SqlTransaction::Kind::kInOrder);
    SR_RETURN_IF_ERROR(change(transaction));
    return db->Execute("COMMIT");
  }

  testing::TempDir dir_;
  const std::string path_ = dir_.File("store.db");
  testing::FakeClock clock_;
  const Uuid another_ = Uuid::Random();
  testing::MemoryStore* memory_ = nullptr;
  std::unique_ptr<Store> store_;
};

}  // namespace strongroom::store
