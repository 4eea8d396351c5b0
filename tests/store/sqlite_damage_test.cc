// Files that are no store, or a store no more: said so, and left alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/store/sqlite_fixture.h"

namespace strongroom::store {
namespace {

using ::strongroom::testing::HasReason;
using ::testing::HasSubstr;

using SqliteDamageTest = SqliteStoreTest;

TEST_F(SqliteDamageTest, ADatabaseOfAnotherProgramIsRefusedAndLeftAlone) {
  Tamper("CREATE TABLE theirs(x); PRAGMA application_id = 4711");
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  const std::string before = Contents();
  EXPECT_THAT(Open(), HasReason(Reason::kStoreCorrupt, HasSubstr("4711")));
  EXPECT_EQ(Contents(), before);
}

TEST_F(SqliteDamageTest, AFileThatIsNoDatabaseIsRefusedAndLeftAlone) {
  const std::string text(5000, 'x');
  dir_.Write("store.db", text);
  EXPECT_THAT(Open(), HasReason(Reason::kStoreCorrupt, HasSubstr(path_)));
  EXPECT_EQ(Contents(), text);
}

TEST_F(SqliteDamageTest, AnEmptyFileIsNotTakenForANewStore) {
  dir_.Write("store.db", "");
  EXPECT_THAT(Open(), HasReason(Reason::kStoreCorrupt, HasSubstr("empty")));
  EXPECT_EQ(Contents(), "");
}

TEST_F(SqliteDamageTest, ADirectoryIsNotAStore) {
  ASSERT_TRUE(std::filesystem::create_directory(path_));
  EXPECT_FALSE(Open().ok());
}

TEST_F(SqliteDamageTest, DamagedPagesAreFoundWhenTheyAreRead) {
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->Update([](Transaction& t) -> Status {
      for (int i = 0; i < 500; ++i) {
        SR_RETURN_IF_ERROR(t.InsertKey(NamedKey("k" + std::to_string(i))));
      }
      return OkStatus();
    }));
  }
  std::string damaged = Contents();
  ASSERT_GT(damaged.size(), 8u * 4096);
  // Page 1 holds the schema; all others are overwritten.
  for (size_t i = 4096; i < damaged.size(); ++i) damaged[i] ^= 0x5a;
  dir_.Write("store.db", damaged);
  auto store = Open();
  if (store.ok()) {
    EXPECT_THAT(
        (*store)->Read([](ReadTransaction& t) { return t.AllKeys().status(); }),
        HasReason(Reason::kStoreCorrupt));
  } else {
    EXPECT_THAT(store, HasReason(Reason::kStoreCorrupt));
  }
}

TEST_F(SqliteDamageTest, ALostInstallationIdIsCorruptionNotANewOne) {
  ASSERT_OK(Open());
  Tamper("DELETE FROM settings");
  EXPECT_THAT(Open(),
              HasReason(Reason::kStoreCorrupt, HasSubstr("installation id")));
}

TEST_F(SqliteDamageTest, LabelsThatWeCannotHaveWrittenAreCorruption) {
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->Update(
        [](Transaction& t) { return t.InsertKey(NamedKey("k")); }));
  }
  for (const char* labels : {"novalue", "key=value", "novalue\n"}) {
    Tamper(std::string("UPDATE keys SET labels = '") + labels + "'");
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    EXPECT_THAT(
        store->Read([](ReadTransaction& t) { return t.AllKeys().status(); }),
        HasReason(Reason::kStoreCorrupt))
        << labels;
  }
}

}  // namespace
}  // namespace strongroom::store
