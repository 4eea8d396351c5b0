// What the tests of registered rows share: a store, and rows for it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/contract/stores.h"

namespace strongroom::store {

inline constexpr WallTime kNow{std::chrono::seconds(1738310400)};

inline Uuid IdOf(uint8_t first) {
  std::array<uint8_t, Uuid::kSize> bytes{};
  bytes[0] = first;
  return Uuid(bytes);
}

// RowsContract has a store of its parameter's kind, with two keys.
class RowsContract : public ::testing::TestWithParam<const char*>,
                     protected StoreRig {
 protected:
  RowsContract() : StoreRig(GetParam()) {
    key_.name = "payments/cards";
    key_.id = IdOf(0xaa);
    other_.name = "other";
    other_.id = IdOf(0xbb);
    EXPECT_OK(store_->Update([&](Transaction& t) -> Status {
      SR_RETURN_IF_ERROR(t.InsertKey(key_));
      return t.InsertKey(other_);
    }));
  }

  Status Change(const std::function<Status(Transaction&)>& change) {
    return store_->UpdateInOrder(change);
  }
  template <typename Read>
  auto Get(Read read) {
    decltype(read(std::declval<ReadTransaction&>())) result =
        Error(Reason::kInternal, "not read");
    EXPECT_OK(store_->Read([&](ReadTransaction& t) {
      result = read(t);
      return result.status();
    }));
    return *std::move(result);
  }
  BatchRow Batch(uint8_t id, uint32_t version = 1, uint32_t deks = 1) {
    return {IdOf(id), key_.id, version, Bytes{id, 1, 2}, deks, Bytes{id, 3}};
  }
  DekRow Dek(uint8_t batch, uint32_t index) {
    return {.id = {IdOf(batch), index},
            .leaf = Bytes{batch, static_cast<uint8_t>(index)},
            .labels = {{"env", "prod"}},
            .reference = "vol-" + std::to_string(index),
            .created = kNow};
  }
  void Add(const BatchRow& batch) {
    ASSERT_OK(Change([&](Transaction& t) -> Status {
      SR_RETURN_IF_ERROR(t.deks().InsertBatch(batch));
      for (uint32_t i = 0; i < batch.deks; ++i) {
        SR_RETURN_IF_ERROR(
            t.deks().InsertDek(Dek(batch.batch_id.array()[0], i)));
      }
      return OkStatus();
    }));
  }
  std::vector<DekId> Listed(uint32_t version, std::optional<DekId> after,
                            size_t limit) {
    std::vector<DekId> ids;
    for (const ListedDek& listed : Get([&](ReadTransaction& t) {
           return t.deks().ListDeks(key_.id, version, after, limit);
         })) {
      EXPECT_THAT(listed.dek.leaf, ::testing::IsEmpty());
      ids.push_back(listed.dek.id);
    }
    return ids;
  }

  KeyRow key_;
  KeyRow other_;
};

}  // namespace strongroom::store
