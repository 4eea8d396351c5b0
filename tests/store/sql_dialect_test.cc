// The statements of src/store/sql are those of every dialect.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/testing/paths.h"

namespace strongroom::store {
namespace {

TEST(SqlDialectTest, StatementsAreWrittenInWhatAllDatabasesTake) {
  size_t files = 0, statements = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           strongroom::testing::SourcePath("src/store/sql"))) {
    if (entry.path().extension() != ".cc") continue;
    ++files;
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    for (const char* alone :
         {"INSERT OR ", "REPLACE INTO", "\"REPLACE", "?1", " x'", "zeroblob",
          "PRAGMA", "rowid", "RETURNING", "unnest", "sqlite3"}) {
      EXPECT_EQ(text.find(alone), text.npos) << entry.path() << ": " << alone;
    }
    for (size_t at = 0; (at = text.find("INSERT INTO", at)) != text.npos;
         ++at) {
      ++statements;
    }
  }
  EXPECT_GE(files, 5u);
  EXPECT_GE(statements, 10u);
}

}  // namespace
}  // namespace strongroom::store
