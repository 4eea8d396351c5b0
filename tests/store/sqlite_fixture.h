// A SQLite store in a directory of its own, and hands on its file.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "strongroom/store/sqlite.h"
#include "strongroom/store/store.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::store {

// SqliteStoreTest has a place for a store, which is not there yet.
class SqliteStoreTest : public ::testing::Test {
 protected:
  StatusOr<std::unique_ptr<Store>> Open(bool create = true) {
    return OpenSqliteStore({.path = path_, .create = create});
  }
  // Runs SQL on the file as another program would.
  void Tamper(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  // The one number that `sql` asks for.
  int64_t Count(const std::string& sql) {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    int64_t number = -1;
    const auto take = [](void* to, int, char** values, char**) {
      *static_cast<int64_t*>(to) = std::stoll(values[0]);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), take, &number, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
    return number;
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat about {};
    EXPECT_EQ(stat(path.c_str(), &about), 0) << path;
    return about.st_mode & 07777;
  }
  std::string Contents() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  testing::TempDir dir_;
  std::string path_ = dir_.File("store.db");
};

inline KeyRow NamedKey(std::string name) {
  KeyRow key;
  key.id = Uuid::Random();
  key.name = std::move(name);
  return key;
}

}  // namespace strongroom::store
