// Disks that are full or read-only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <iostream>

#include "tests/store/sqlite_fixture.h"

namespace strongroom::store {
namespace {

using SqliteDiskTest = SqliteStoreTest;

// InChild runs `body` in a child process; true is success.
bool InChild(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  if (waitpid(child, &status, 0) != child) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// In a child gtest's failures would be lost: this says what was found.
bool Is(const Status& status, Reason reason) {
  if (!status.ok() && ReasonOf(status) == reason) return true;
  std::cerr << "want " << ReasonName(reason) << ", found "
            << testing::Describe(status) << "\n";
  return false;
}

// A real limit of the kernel on the size of files: what a full disk does, at a
// place that the test chooses.
TEST_F(SqliteDiskTest, AFullDiskRefusesTheChangeAndKeepsTheRest) {
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK(store->Update(
        [](Transaction& t) { return t.InsertKey(NamedKey("kept")); }));
  }
  EXPECT_TRUE(InChild([&] {
    auto store = Open();
    if (!store.ok()) return false;
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{256 * 1024, 256 * 1024};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    // Far more rows than fit below the limit, in one transaction.
    Status status = (*store)->Update([](Transaction& t) -> Status {
      for (int i = 0; i < 100000; ++i) {
        SR_RETURN_IF_ERROR(t.InsertKey(NamedKey("k" + std::to_string(i))));
      }
      return OkStatus();
    });
    if (!Is(status, Reason::kStoreFull)) return false;
    // It still reads, and smaller changes still go.
    return (*store)
               ->Read([](ReadTransaction& t) { return t.AllKeys().status(); })
               .ok() &&
           (*store)
               ->UpdateInOrder([](auto& t) { return t.BumpChangeSeq(); })
               .ok();
  }));
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  ASSERT_OK(store->Read([](ReadTransaction& t) -> Status {
    EXPECT_EQ(t.AllKeys()->size(), 1u);
    EXPECT_EQ(*t.ChangeSeq(), 1u);
    return OkStatus();
  }));
}

// The limit meets another of SQLite's files, or another step, at each size.
TEST_F(SqliteDiskTest, WhereverTheLimitOnFileSizesIsTheStoreIsFull) {
  ASSERT_OK(Open());
  for (rlim_t size = 0; size <= 160 * 1024; size += 10240) {
    SCOPED_TRACE(size);
    for (bool limited_open : {false, true}) {
      EXPECT_TRUE(InChild([&] {
        signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{size, size};
        StatusOr<std::unique_ptr<Store>> store(Error(Reason::kInternal, ""));
        if (!limited_open) store = Open();
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
        if (limited_open) store = Open();
        if (!store.ok()) return Is(store.status(), Reason::kStoreFull);
        for (int i = 0; i < 4; ++i) {
          Status status = (*store)->Update([&](Transaction& t) -> Status {
            for (int k = 0; k < 1 << (3 * i); ++k) {
              SR_RETURN_IF_ERROR(t.InsertKey(
                  NamedKey("k" + std::to_string(i) + "-" + std::to_string(k))));
            }
            return Error(Reason::kInternal, "keep it small");
          });
          if (!Is(status, Reason::kInternal) &&
              !Is(status, Reason::kStoreFull)) {
            return false;
          }
          status = (*store)->UpdateInOrder(
              [](auto& t) { return t.BumpChangeSeq(); });
          if (!status.ok() && !Is(status, Reason::kStoreFull)) return false;
        }
        return true;
      }));
    }
  }
}

TEST_F(SqliteDiskTest, AFullDiskLeavesNoHalfMadeStore) {
  EXPECT_TRUE(InChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    return Is(Open().status(), Reason::kStoreFull);
  }));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_OK(Open());
}

// Root may write anywhere, so the child becomes somebody else first.
bool BecomeNobody() {
  return geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
}

TEST_F(SqliteDiskTest, AReadOnlyStoreIsRefused) {
  ASSERT_OK(Open());
  ASSERT_EQ(chmod(path_.c_str(), 0444), 0);
  ASSERT_EQ(chmod((path_ + ".lock").c_str(), 0666), 0);
  ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  EXPECT_TRUE(InChild([&] {
    return BecomeNobody() && Is(Open().status(), Reason::kStoreReadOnly);
  }));
}

TEST_F(SqliteDiskTest, AReadOnlyDirectoryIsRefused) {
  ASSERT_EQ(chmod(dir_.path().c_str(), 0555), 0);
  EXPECT_TRUE(InChild([&] {
    return BecomeNobody() && Is(Open().status(), Reason::kStoreReadOnly);
  }));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

}  // namespace
}  // namespace strongroom::store
