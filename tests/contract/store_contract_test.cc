// What every Store promises, held against the fake and SQLite.
// Long because each promise is asked of all implementations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "tests/contract/stores.h"

namespace strongroom::store {
namespace {

using ::strongroom::testing::HasReason;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr WallTime kNow{std::chrono::seconds(1738310400)};

KeyRow SomeKey(std::string name = "payments/cards") {
  KeyRow row;
  row.id = Uuid::Random();
  row.name = std::move(name);
  row.labels = {{"team", "cards"}, {"tier", ""}};
  row.primary_version = 7;
  row.rotation_period_s = 86400;
  row.next_rotation = kNow + std::chrono::microseconds(123457);
  row.max_items = 17;
  row.max_age_ms = 250;
  row.destroy_after_s = 3600;
  row.created = kNow;
  return row;
}

VersionRow SomeVersion(const Uuid& key_id, uint32_t number) {
  VersionRow row;
  row.key_id = key_id;
  row.version = number;
  row.kek_id = Uuid::Random();
  row.state = VersionState::kDisabled;
  row.known_answer = {0x00, 0xff, 0x01};
  row.seals_reserved = uint64_t{1} << 40;
  row.created = kNow;
  row.destroy_time = kNow + std::chrono::hours(24);
  row.destroying = true;
  row.held = true;
  return row;
}

class StoreContract : public ::testing::TestWithParam<const char*>,
                      protected StoreRig {
 protected:
  StoreContract() : StoreRig(GetParam()) {}

  Status Update(const std::function<Status(Transaction&)>& change) {
    return store_->UpdateInOrder(change);
  }
  // The store now holds one key with versions 1 and 2.
  void AddKey() {
    ASSERT_OK(Update([&](Transaction& t) -> Status {
      SR_RETURN_IF_ERROR(t.InsertKey(key_));
      SR_RETURN_IF_ERROR(t.InsertVersion(first_));
      return t.InsertVersion(second_);
    }));
  }
  std::vector<KeyRow> Keys() {
    std::vector<KeyRow> keys;
    EXPECT_OK(store_->Read([&](ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(keys, t.AllKeys());
      return OkStatus();
    }));
    return keys;
  }
  std::vector<VersionRow> Versions() {
    std::vector<VersionRow> versions;
    EXPECT_OK(store_->Read([&](ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(versions, t.AllVersions());
      return OkStatus();
    }));
    return versions;
  }
  // Both take the lease for a minute.
  StatusOr<Lease> Take() {
    return Taken([&](const Change& change) { return Update(change); });
  }
  StatusOr<Lease> AnotherTakes() {
    return Taken([&](const Change& change) { return UpdateAsAnother(change); });
  }
  StatusOr<Lease> Taken(const std::function<Status(const Change&)>& update) {
    Lease lease;
    const Status status = update([&](Transaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(lease, t.TakeLease("key/a", std::chrono::minutes(1)));
      return OkStatus();
    });
    if (!status.ok()) return status;
    return lease;
  }
  Status Check(const Lease& lease) {
    return Update([&](Transaction& t) { return t.CheckLease(lease); });
  }

  KeyRow key_ = SomeKey();
  VersionRow first_ = SomeVersion(key_.id, 1);
  VersionRow second_ = SomeVersion(key_.id, 2);
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract,
                         ::testing::Values("Memory", "Sqlite"),
                         [](const auto& param) {
                           return std::string(param.param);
                         });

TEST_P(StoreContract, ANewStoreHasAnInstallationIdAndNothingElse) {
  EXPECT_FALSE(store_->installation_id().IsNil());
  EXPECT_THAT(Keys(), ElementsAre());
  EXPECT_THAT(Versions(), ElementsAre());
  ASSERT_OK(store_->Read([](ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(auto key, t.GetKey(Uuid::Random()));
    EXPECT_FALSE(key.has_value());
    SR_ASSIGN_OR_RETURN(key, t.FindKey("payments/cards"));
    EXPECT_FALSE(key.has_value());
    SR_ASSIGN_OR_RETURN(auto setting, t.GetSetting("mode"));
    EXPECT_FALSE(setting.has_value());
    SR_ASSIGN_OR_RETURN(auto lease, t.GetLease("key/a"));
    EXPECT_FALSE(lease.has_value());
    SR_ASSIGN_OR_RETURN(uint64_t seq, t.ChangeSeq());
    EXPECT_EQ(seq, 0u);
    return OkStatus();
  }));
}

TEST_P(StoreContract, EveryFieldOfAKeyAndAVersionComesBackAsItWasWritten) {
  AddKey();
  EXPECT_THAT(Keys(), ElementsAre(key_));
  EXPECT_THAT(Versions(), ElementsAre(first_, second_));
  ASSERT_OK(store_->Read([&](ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(auto by_id, t.GetKey(key_.id));
    EXPECT_THAT(by_id, Optional(key_));
    SR_ASSIGN_OR_RETURN(auto by_name, t.FindKey(key_.name));
    EXPECT_THAT(by_name, Optional(key_));
    SR_ASSIGN_OR_RETURN(auto versions, t.VersionsOf(key_.id));
    EXPECT_THAT(versions, ElementsAre(first_, second_));
    SR_ASSIGN_OR_RETURN(versions, t.VersionsOf(Uuid::Random()));
    EXPECT_THAT(versions, ElementsAre());
    return OkStatus();
  }));
}

TEST_P(StoreContract, DefaultRowsComeBackAsTheyWereWritten) {
  KeyRow key;
  key.id = Uuid::Random();
  key.name = "k";
  VersionRow version;
  version.key_id = key.id;
  version.version = 0x7fffffff;
  version.kek_id = Uuid::Random();
  ASSERT_OK(Update([&](Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.InsertKey(key));
    return t.InsertVersion(version);
  }));
  EXPECT_THAT(Keys(), ElementsAre(key));
  EXPECT_THAT(Versions(), ElementsAre(version));
}

TEST_P(StoreContract, KeysComeInTheOrderOfTheirNames) {
  const KeyRow b = SomeKey("b"), a = SomeKey("a"), c = SomeKey("a/c");
  ASSERT_OK(Update([&](Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.InsertKey(b));
    SR_RETURN_IF_ERROR(t.InsertKey(c));
    return t.InsertKey(a);
  }));
  EXPECT_THAT(Keys(), ElementsAre(a, c, b));
}

TEST_P(StoreContract, UpdatesReplaceEverythingButIdentity) {
  AddKey();
  KeyRow key = key_;
  key.labels.clear();
  key.primary_version = 8;
  key.rotation_period_s = 0;
  key.next_rotation = WallTime{};
  key.max_items = 1;
  key.max_age_ms = 0;
  key.destroy_after_s = 0;
  VersionRow version = second_;
  version.state = VersionState::kDestroyed;
  version.known_answer.clear();
  version.seals_reserved = 0;
  version.destroy_time = WallTime{};
  version.destroying = false;
  ASSERT_OK(Update([&](Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.UpdateKey(key));
    return t.UpdateVersion(version);
  }));
  EXPECT_THAT(Keys(), ElementsAre(key));
  EXPECT_THAT(Versions(), ElementsAre(first_, version));
}

TEST_P(StoreContract, AKeyOfATakenNameOrIdIsRefused) {
  AddKey();
  KeyRow same_name = SomeKey();
  KeyRow same_id = SomeKey("another");
  same_id.id = key_.id;
  EXPECT_THAT(Update([&](Transaction& t) { return t.InsertKey(same_name); }),
              HasReason(Reason::kKeyExists, HasSubstr("payments/cards")));
  EXPECT_THAT(Update([&](Transaction& t) { return t.InsertKey(same_id); }),
              HasReason(Reason::kKeyExists));
  EXPECT_THAT(Keys(), ElementsAre(key_));
}

TEST_P(StoreContract, RowsThatAreNotThereCannotBeChangedOrDeleted) {
  AddKey();
  const KeyRow absent = SomeKey("absent");
  KeyRow renamed = key_;
  renamed.name = "renamed";
  const VersionRow third = SomeVersion(key_.id, 3);
  const auto fails = [&](Reason reason, auto change) {
    EXPECT_THAT(Update(change), HasReason(reason));
  };
  fails(Reason::kKeyNotFound, [&](auto& t) { return t.UpdateKey(absent); });
  fails(Reason::kKeyNotFound, [&](auto& t) { return t.UpdateKey(renamed); });
  fails(Reason::kKeyNotFound, [&](auto& t) { return t.DeleteKey(absent.id); });
  fails(Reason::kVersionNotFound,
        [&](auto& t) { return t.UpdateVersion(third); });
  fails(Reason::kVersionNotFound,
        [&](auto& t) { return t.DeleteVersion(key_.id, 3); });
  EXPECT_THAT(Keys(), ElementsAre(key_));
  EXPECT_THAT(Versions(), ElementsAre(first_, second_));
}

TEST_P(StoreContract, VersionsThatCannotBeAreRefused) {
  AddKey();
  const auto fails = [&](Reason reason, const VersionRow& row) {
    EXPECT_THAT(Update([&](auto& t) { return t.InsertVersion(row); }),
                HasReason(reason));
  };
  fails(Reason::kConflict, SomeVersion(key_.id, 2));
  VersionRow same_kek = SomeVersion(key_.id, 3);
  same_kek.kek_id = first_.kek_id;
  fails(Reason::kConflict, same_kek);
  fails(Reason::kKeyNotFound, SomeVersion(Uuid::Random(), 1));
  fails(Reason::kArgumentInvalid, SomeVersion(key_.id, 0));
  fails(Reason::kArgumentInvalid, SomeVersion(key_.id, 0x80000000));
  EXPECT_THAT(Versions(), ElementsAre(first_, second_));
}

TEST_P(StoreContract, TheKekOfAVersionNeverChanges) {
  AddKey();
  VersionRow other = first_;
  other.kek_id = Uuid::Random();
  EXPECT_THAT(Update([&](auto& t) { return t.UpdateVersion(other); }),
              HasReason(Reason::kConflict));
  EXPECT_THAT(Versions(), ElementsAre(first_, second_));
}

TEST_P(StoreContract, LabelsAgainstTheRuleAreRefused) {
  KeyRow key = SomeKey();
  key.labels = {{"a=b", "c"}};
  EXPECT_THAT(Update([&](auto& t) { return t.InsertKey(key); }),
              HasReason(Reason::kArgumentInvalid));
  AddKey();
  key = key_;
  key.labels = {{"a", "b\nc"}};
  EXPECT_THAT(Update([&](auto& t) { return t.UpdateKey(key); }),
              HasReason(Reason::kArgumentInvalid));
  EXPECT_THAT(Keys(), ElementsAre(key_));
}

TEST_P(StoreContract, AKeyIsDeletedAfterAllItsVersions) {
  AddKey();
  EXPECT_THAT(Update([&](auto& t) { return t.DeleteKey(key_.id); }),
              HasReason(Reason::kConflict));
  ASSERT_OK(Update([&](Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.DeleteVersion(key_.id, 1));
    SR_RETURN_IF_ERROR(t.DeleteVersion(key_.id, 2));
    return t.DeleteKey(key_.id);
  }));
  EXPECT_THAT(Keys(), ElementsAre());
  EXPECT_THAT(Versions(), ElementsAre());
}

TEST_P(StoreContract, AFailedUpdateLeavesTheStoreAsItWas) {
  AddKey();
  const Status wanted = Error(Reason::kVersionState, "stop");
  EXPECT_THAT(
      Update([&](Transaction& t) -> Status {
        SR_RETURN_IF_ERROR(t.DeleteVersion(key_.id, 1));
        SR_RETURN_IF_ERROR(t.InsertKey(SomeKey("other")));
        SR_RETURN_IF_ERROR(t.PutSetting("mode", "dev"));
        SR_RETURN_IF_ERROR(t.BumpChangeSeq());
        SR_RETURN_IF_ERROR(t.TakeLease("l", std::chrono::hours(1)).status());
        return wanted;
      }),
      Eq(wanted));
  EXPECT_THAT(Keys(), ElementsAre(key_));
  EXPECT_THAT(Versions(), ElementsAre(first_, second_));
  ASSERT_OK(store_->Read([&](ReadTransaction& t) -> Status {
    EXPECT_EQ(*t.ChangeSeq(), 0u);
    EXPECT_FALSE(t.GetSetting("mode")->has_value());
    EXPECT_FALSE(t.GetLease("l")->has_value());
    return OkStatus();
  }));
}

TEST_P(StoreContract, ATransactionSeesItsOwnChanges) {
  ASSERT_OK(Update([&](Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.InsertKey(key_));
    SR_ASSIGN_OR_RETURN(auto found, t.FindKey(key_.name));
    EXPECT_THAT(found, Optional(key_));
    SR_RETURN_IF_ERROR(t.BumpChangeSeq());
    EXPECT_EQ(*t.ChangeSeq(), 1u);
    return OkStatus();
  }));
}

TEST_P(StoreContract, AFailedReadGivesItsOwnFailure) {
  const Status wanted = Error(Reason::kInternal, "stop");
  EXPECT_EQ(store_->Read([&](ReadTransaction&) { return wanted; }), wanted);
  EXPECT_THAT(Keys(), ElementsAre());
}

TEST_P(StoreContract, SettingsAreReplaced) {
  ASSERT_OK(Update([](auto& t) { return t.PutSetting("mode", "dev"); }));
  ASSERT_OK(Update([](auto& t) { return t.PutSetting("mode", "serve"); }));
  ASSERT_OK(store_->Read([](ReadTransaction& t) -> Status {
    EXPECT_THAT(*t.GetSetting("mode"), Optional(std::string("serve")));
    return OkStatus();
  }));
}

TEST_P(StoreContract, ALeaseHasOneReplicaUntilItIsReleasedOrRunsOut) {
  ASSERT_OK_AND_ASSIGN(Lease first, Take());
  EXPECT_EQ(first.holder, store_->replica_id());
  clock_.Advance(std::chrono::seconds(59));
  EXPECT_THAT(AnotherTakes(),
              HasReason(Reason::kConflict,
                        HasSubstr(first.holder.ToString() + " for another 1")));
  clock_.Advance(std::chrono::seconds(1));
  ASSERT_OK_AND_ASSIGN(Lease second, AnotherTakes());
  EXPECT_EQ(second.holder, another_);
  EXPECT_GT(second.fencing, first.fencing);
  EXPECT_THAT(Check(first), HasReason(Reason::kConflict));

  ASSERT_OK(Update([&](auto& t) { return t.ReleaseLease(first); }));
  EXPECT_OK(Check(second)) << "released by one that had lost it";
  ASSERT_OK(Update([&](auto& t) { return t.ReleaseLease(second); }));
  EXPECT_THAT(Check(second), HasReason(Reason::kConflict));
  ASSERT_OK_AND_ASSIGN(Lease third, Take());
  EXPECT_GT(third.fencing, second.fencing) << "also after a release";
}

TEST_P(StoreContract, RenewalKeepsTheFencingNumberAndMovesTheEnd) {
  ASSERT_OK_AND_ASSIGN(Lease lease, Take());
  clock_.Advance(std::chrono::seconds(30));
  ASSERT_OK_AND_ASSIGN(Lease renewed, Take());
  EXPECT_EQ(renewed, lease);
  clock_.Advance(std::chrono::seconds(59));
  EXPECT_THAT(AnotherTakes(), HasReason(Reason::kConflict));
  ASSERT_OK(store_->Read([&](ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(auto held, t.GetLease("key/a"));
    EXPECT_EQ(held, lease);
    return OkStatus();
  }));
}

// Its time is for others, who may take it; its fencing number is for safety.
TEST_P(StoreContract, ALeaseThatRanOutHoldsUntilAnotherTakesIt) {
  ASSERT_OK_AND_ASSIGN(Lease lease, Take());
  clock_.Advance(std::chrono::hours(1));
  EXPECT_OK(Check(lease));
  ASSERT_OK(AnotherTakes());
  EXPECT_THAT(Check(lease), HasReason(Reason::kConflict, HasSubstr("ran out")));
}

// The clocks of two machines, and one that is set, do not matter to it.
TEST_P(StoreContract, SettingTheWallClockEndsNoLease) {
  ASSERT_OK(Take());
  clock_.SetNow(clock_.Now() + std::chrono::hours(24));
  EXPECT_THAT(AnotherTakes(), HasReason(Reason::kConflict));
}

TEST_P(StoreContract, AChangeHasTheNextNumberAndAnIdOfItsOwn) {
  const auto last = [&] {
    store::Change change;
    EXPECT_OK(store_->Read([&](ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(change, t.LastChange());
      return OkStatus();
    }));
    return change;
  };
  const auto before = last();
  ASSERT_OK(Update([](auto& t) { return t.BumpChangeSeq(); }));
  const auto first = last();
  ASSERT_OK(UpdateAsAnother([](auto& t) { return t.RaiseChangeSeq(7); }));
  const auto second = last();
  EXPECT_EQ(first.seq, before.seq + 1);
  EXPECT_EQ(second.seq, 8u);
  EXPECT_NE(first.id, before.id);
  EXPECT_NE(second.id, first.id);
}

TEST_P(StoreContract, AChangeIsMadeUnderTheLockOfChangesAlone) {
  EXPECT_THAT(store_->Update([](auto& t) { return t.BumpChangeSeq(); }),
              HasReason(Reason::kInternal));
  EXPECT_THAT(store_->Update([](auto& t) { return t.RaiseChangeSeq(7); }),
              HasReason(Reason::kInternal));
  EXPECT_THAT(store_->Update([&](auto& t) {
    return t.deks().InsertTombstone({{key_.id, 1}, key_.id, kNow});
  }),
              HasReason(Reason::kInternal));
}

TEST_P(StoreContract, AVersionIsClosedForEver) {
  AddKey();
  const uint32_t numbers[] = {2};
  ASSERT_OK(Update([&](auto& t) { return t.CloseVersions(key_.id, numbers); }));
  VersionRow row = second_;
  row.retired = true;
  ASSERT_OK(Update([&](auto& t) { return t.UpdateVersion(row); }));
  row.closed = true;
  EXPECT_THAT(Versions(), ElementsAre(first_, row));
  const uint32_t absent[] = {9};
  EXPECT_THAT(Update([&](auto& t) { return t.CloseVersions(key_.id, absent); }),
              HasReason(Reason::kVersionNotFound));
}

TEST_P(StoreContract, AVersionIsGivenUpWhileItIsPendingAndItsKekIsKept) {
  second_.state = VersionState::kPending;
  AddKey();
  const auto remove = [&](uint32_t version) {
    return Update(
        [&](auto& t) { return t.RemoveVersion(key_.id, version, kNow); });
  };
  EXPECT_THAT(remove(1), HasReason(Reason::kConflict));
  EXPECT_THAT(remove(3), HasReason(Reason::kVersionNotFound));
  ASSERT_OK(remove(2));
  EXPECT_THAT(remove(2), HasReason(Reason::kVersionNotFound));
  EXPECT_THAT(Versions(), ElementsAre(first_));
  ASSERT_OK(Update([&](Transaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.DeleteVersion(key_.id, 1));
    return t.DeleteKey(key_.id);
  })) << "it does not keep its key";
  ASSERT_OK(store_->Read([&](ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const auto removed, t.AllRemoved());
    EXPECT_THAT(removed,
                ElementsAre(RemovedRow{second_.kek_id, key_.id, 2, kNow}));
    return OkStatus();
  }));
}

TEST_P(StoreContract, ManyVersionsChangeByOneCall) {
  AddKey();
  VersionRow rows[] = {first_, second_};
  for (VersionRow& row : rows) row.seals_reserved += 7;
  ASSERT_OK(Update([&](auto& t) { return t.UpdateVersions(rows); }));
  EXPECT_THAT(Versions(), ElementsAre(rows[0], rows[1]));
}

TEST_P(StoreContract, ConcurrentUpdatesAreAllCounted) {
  constexpr int kThreads = 4, kEach = 10;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) {
        EXPECT_OK(Update([](auto& t) { return t.BumpChangeSeq(); }));
        EXPECT_OK(store_->Read(
            [](ReadTransaction& t) { return t.ChangeSeq().status(); }));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_OK(store_->Read([&](ReadTransaction& t) -> Status {
    EXPECT_EQ(*t.ChangeSeq(), uint64_t{kThreads * kEach});
    return OkStatus();
  }));
}

}  // namespace
}  // namespace strongroom::store
