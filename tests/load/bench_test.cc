#include "load/bench.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "load/result.h"
#include "tests/testing/temp_dir.h"

namespace strongroom::load {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

TEST(StrongroomBenchTest, CommandLinesThatSayNothingUsefulAreRefused) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"walk"},
                                             {"run", "--rate", "0"},
                                             {"run", "--rate", "-5"},
                                             {"run", "--rates", "10,x"},
                                             {"run", "--in-flight", "0"},
                                             {"run", "--items", "4097"},
                                             {"run", "--size", "65537"},
                                             {"run", "--duration", "0"},
                                             {"run", "--connections", "0"},
                                             {"run", "--unknown"},
                                             {"report"},
                                             {"compare", "a.json"}}) {
    CaptureStderr();
    EXPECT_EQ(StrongroomBench(arguments), 2);
    EXPECT_NE(GetCapturedStderr().find("strongroom-bench: "),
              std::string::npos);
  }
}

TEST(StrongroomBenchTest, AFileThatIsNoResultIsNotReported) {
  testing::TempDir dir;
  const std::string path = dir.Write("x.json", "{}");
  CaptureStderr();
  EXPECT_EQ(StrongroomBench({"report", path}), 1);
  EXPECT_EQ(StrongroomBench({"compare", path, path}), 1);
  EXPECT_NE(GetCapturedStderr().find("not a result"), std::string::npos);
}

TEST(StrongroomBenchTest, AResultBecomesAReport) {
  testing::TempDir dir;
  Measurement measurement;
  measurement.seconds = 1;
  const Json result = {{"strongroom_bench", kResultVersion},
                       {"points", {PointJson({}, measurement)}}};
  const std::string path = dir.Write("x.json", result.dump());
  const std::string out = dir.File("x.html");
  EXPECT_EQ(StrongroomBench({"report", path, "--out", out}), 0);
  EXPECT_EQ(access(out.c_str(), R_OK), 0);
}

}  // namespace
}  // namespace strongroom::load
