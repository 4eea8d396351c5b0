// Reading tests/vectors: every vector's every field must be asked for, so that
// nothing in a file goes unchecked.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"
#include "tests/testing/paths.h"

namespace strongroom::testing {

class Vector {
 public:
  explicit Vector(nlohmann::json fields) : fields_(std::move(fields)) {}

  bool Has(const std::string& field) const { return fields_.contains(field); }
  std::string Text(const std::string& field) {
    return Field(field).get<std::string>();
  }
  uint32_t Number(const std::string& field) {
    return Field(field).get<uint32_t>();
  }
  Bytes Hex(const std::string& field) { return Decode(Text(field)); }
  Uuid Id(const std::string& field) {
    return Uuid::FromBytes(Hex(field)).value();
  }
  // The refusal that is wanted, by its wire name.
  Reason Refusal() { return ReasonFromName(Text("refused")).value(); }
  std::vector<std::pair<std::string, std::string>> Pairs() {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const auto& pair : Field("pairs")) {
      EXPECT_EQ(pair.size(), 2u);
      pairs.emplace_back(AsText(Decode(pair.at(0).get<std::string>())),
                         AsText(Decode(pair.at(1).get<std::string>())));
    }
    return pairs;
  }

  // Unused names the fields nobody asked for.
  std::vector<std::string> Unused() const {
    std::vector<std::string> unused;
    for (const auto& [field, value] : fields_.items()) {
      if (used_.count(field) == 0) unused.push_back(field);
    }
    return unused;
  }

 private:
  const nlohmann::json& Field(const std::string& field) {
    used_.insert(field);
    return fields_.at(field);
  }
  static Bytes Decode(const std::string& hex) { return FromHex(hex).value(); }

  const nlohmann::json fields_;
  std::set<std::string> used_;
};

// ForEachVector runs `check` on all vectors of a file and fails for a field
// that it left unused, or a file without vectors.
inline void ForEachVector(const std::string& file,
                          const std::function<void(Vector&)>& check) {
  std::ifstream in(testing::SourcePath("tests/vectors/" + file));
  ASSERT_TRUE(in) << "no such file: " << file;
  const nlohmann::json document = nlohmann::json::parse(in);
  ASSERT_EQ(document.size(), 1u) << "fields beside the vectors";
  const nlohmann::json& vectors = document.at("vectors");
  ASSERT_FALSE(vectors.empty());
  for (const auto& fields : vectors) {
    Vector vector(fields);
    SCOPED_TRACE(file + ": " + vector.Text("name"));
    check(vector);
    EXPECT_EQ(vector.Unused(), std::vector<std::string>());
  }
}

}  // namespace strongroom::testing
