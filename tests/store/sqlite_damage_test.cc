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

std::string Hex(const Uuid& id) { return ToHex(id.bytes()); }

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

// As damage would: past the columns' own checks.
TEST_F(SqliteDamageTest, JobsThatWeCannotHaveWrittenAreCorruption) {
  KeyRow key = NamedKey("k");
  JobRow job;
  job.id = Uuid::Random();
  job.key_id = key.id;
  const JobFailureRow failure{job.id, Uuid::Random(), "NOT_AUTHENTIC", "why"};
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->Update([&](Transaction& t) -> Status {
      SR_RETURN_IF_ERROR(t.InsertKey(key));
      SR_RETURN_IF_ERROR(t.jobs().PutJob(job));
      return t.jobs().InsertJobFailure(failure);
    }));
  }
  const auto read = [&](ReadTransaction& t) -> Status {
    SR_RETURN_IF_ERROR(t.jobs().OpenJobs().status());
    return t.jobs().JobFailures(job.id, 10).status();
  };
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->Read(read));
  }
  const std::string unchecked =
      "PRAGMA ignore_check_constraints = 1; PRAGMA foreign_keys = 0; ";
  for (const auto& [damage, repair] :
       std::vector<std::pair<std::string, std::string>>{
           {"jobs SET id = x'00'", "jobs SET id = x'" + Hex(job.id) + "'"},
           {"jobs SET key_id = zeroblob(32)",
            "jobs SET key_id = x'" + Hex(key.id) + "'"},
           {"jobs SET state = 0", "jobs SET state = 1"},
           {"jobs SET state = -1", "jobs SET state = 1"},
           {"job_failures SET batch_id = x''",
            "job_failures SET batch_id = job_id"}}) {
    SCOPED_TRACE(damage);
    Tamper(unchecked + "UPDATE " + damage);
    {
      ASSERT_OK_AND_ASSIGN(auto store, Open());
      EXPECT_THAT(store->Read(read), HasReason(Reason::kStoreCorrupt,
                                               HasSubstr("restore a backup")));
    }
    Tamper(unchecked + "UPDATE " + repair);
  }
}

}  // namespace
}  // namespace strongroom::store
