#include "strongroom/hsm/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "hsm/embedded_profiles.h"
#include "hsm/profile_parser.h"
#include "tests/testing/paths.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::hsm {
namespace {

using ::strongroom::testing::HasReason;
using ::strongroom::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr char kLeast[] = "name: x\nnote: y\niv_source: host\n";

StatusOr<Profile> With(const std::string& line) {
  return ParseProfile(kLeast + line + "\n", "x.yaml");
}

std::vector<std::string> ProfileNames() {
  std::vector<std::string> names;
  for (const EmbeddedProfile& profile : EmbeddedProfiles()) {
    names.emplace_back(profile.file);
  }
  return names;
}

TEST(ProfileTest, TheFiveProfilesAreThere) {
  EXPECT_THAT(ProfileNames(), UnorderedElementsAre("softhsm", "nss", "generic",
                                                   "cloudhsm", "luna-fips"));
}

TEST(ProfileTest, EveryProfileParsesAndHasTheNameOfItsFile) {
  for (const std::string& name : ProfileNames()) {
    StatusOr<Profile> profile = FindProfile(name);
    ASSERT_THAT(profile, IsOk()) << name;
    EXPECT_EQ(profile->name, name);
    EXPECT_FALSE(profile->note.empty()) << name;
    EXPECT_GE(profile->workers, 1) << name;
  }
}

TEST(ProfileTest, WhatIsCompiledInIsWhatTheFilesSay) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           testing::SourcePath("hsm/profiles"))) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    bool found = false;
    for (const EmbeddedProfile& profile : EmbeddedProfiles()) {
      if (profile.file != entry.path().stem()) continue;
      found = true;
      EXPECT_EQ(profile.text, text.str()) << entry.path();
    }
    EXPECT_TRUE(found) << entry.path();
  }
  EXPECT_EQ(files, EmbeddedProfiles().size());
}

TEST(ProfileTest, AnUnknownNameIsRefusedWithTheKnownOnes) {
  for (const char* name : {"", "SoftHSM", "softhsm.yaml", "../softhsm"}) {
    StatusOr<Profile> profile = FindProfile(name);
    EXPECT_THAT(profile, HasReason(Reason::kConfigInvalid)) << name;
    for (const std::string& known : ProfileNames()) {
      EXPECT_THAT(std::string(MessageOf(profile.status())), HasSubstr(known));
    }
  }
}

TEST(ProfileTest, ProfilesThatNeverRanOnADeviceSaySo) {
  for (const char* name : {"cloudhsm", "luna-fips"}) {
    EXPECT_THAT(FindProfile(name)->note,
                HasSubstr("written from documentation and never run"))
        << name;
  }
}

TEST(ProfileTest, SoftHsmHasItsPeculiarities) {
  const Profile p = FindProfile("softhsm").value();
  EXPECT_EQ(p.iv_source, Profile::IvSource::kHost);
  EXPECT_EQ(p.iv_size, 12u);
  EXPECT_EQ(p.workers, 2);
  EXPECT_TRUE(p.exclusive_object_changes);
  EXPECT_TRUE(p.general_error_may_mean_data);
  EXPECT_TRUE(p.allowed_mechanisms);
}

TEST(ProfileTest, NssIsPreciseAndWantsItsDirectory) {
  const Profile p = FindProfile("nss").value();
  EXPECT_FALSE(p.exclusive_object_changes);
  EXPECT_FALSE(p.general_error_may_mean_data);
  EXPECT_FALSE(p.allowed_mechanisms);
  EXPECT_EQ(p.init_args,
            "configdir='sql:{dir}' certPrefix='' keyPrefix='' "
            "secmod='secmod.db' flags=");
}

TEST(ProfileTest, CloudHsmMakesTheIvAndRefusesReadOnlySessions) {
  const Profile p = FindProfile("cloudhsm").value();
  EXPECT_EQ(p.iv_source, Profile::IvSource::kDeviceParam);
  EXPECT_EQ(p.iv_size, 12u);
  EXPECT_TRUE(p.read_write_sessions);
}

TEST(ProfileTest, LunaInFipsModeAppendsSixteenBytesOfIv) {
  const Profile p = FindProfile("luna-fips").value();
  EXPECT_EQ(p.iv_source, Profile::IvSource::kDeviceOutput);
  EXPECT_EQ(p.iv_size, 16u);
}

TEST(ProfileParserTest, TheLeastProfileHasSafeDefaults) {
  StatusOr<Profile> p = ParseProfile(kLeast, "x.yaml");
  ASSERT_THAT(p, IsOk());
  EXPECT_FALSE(p->general_error_may_mean_data);
  EXPECT_FALSE(p->exclusive_object_changes);
  EXPECT_EQ(p->iv_size, 12u);
  EXPECT_EQ(p->init_args, "");
}

TEST(ProfileParserTest, AMissingFieldIsNamed) {
  EXPECT_THAT(ParseProfile("note: y\niv_source: host\n", "x.yaml"),
              HasReason(Reason::kConfigInvalid, HasSubstr("name")));
  EXPECT_THAT(ParseProfile("name: x\niv_source: host\n", "x.yaml"),
              HasReason(Reason::kConfigInvalid, HasSubstr("note")));
  EXPECT_THAT(ParseProfile("name: x\nnote: y\n", "x.yaml"),
              HasReason(Reason::kConfigInvalid, HasSubstr("iv_source")));
}

TEST(ProfileParserTest, AnUnknownOrRepeatedFieldIsRefused) {
  EXPECT_THAT(With("workes: 3"),
              HasReason(Reason::kConfigInvalid, HasSubstr("workes")));
  EXPECT_THAT(With("name: z"), HasReason(Reason::kConfigInvalid));
}

TEST(ProfileParserTest, ValuesOutOfRangeAreRefused) {
  for (const char* line :
       {"workers: 0", "workers: 257", "workers: -1", "workers: many",
        "partial_batches: 0", "partial_batches: 65", "iv_size: 0",
        "iv_size: 11", "iv_size: 13", "iv_size: 17", "allowed_mechanisms: 1",
        "read_write_sessions: yes", "exclusive_object_changes: 2",
        "general_error_may_mean_data: ~"}) {
    EXPECT_THAT(With(line),
                HasReason(Reason::kConfigInvalid, HasSubstr("x.yaml")))
        << line;
  }
}

TEST(ProfileParserTest, ASixteenByteIvOfTheHostIsRefused) {
  EXPECT_THAT(With("iv_size: 16"), HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(ParseProfile("name: x\nnote: y\niv_source: device-output\n"
                           "iv_size: 16\n",
                           "x.yaml"),
              IsOk());
}

TEST(ProfileParserTest, AnUnknownIvSourceIsRefusedWithTheKnownOnes) {
  EXPECT_THAT(ParseProfile("name: x\nnote: y\niv_source: Host\n", "x.yaml"),
              HasReason(Reason::kConfigInvalid, HasSubstr("device-param")));
}

TEST(ProfileParserTest, WhatIsNotAMapIsRefused) {
  for (const char* text : {"", "softhsm", "- name\n- note\n", "{"}) {
    EXPECT_THAT(ParseProfile(text, "x.yaml"), HasReason(Reason::kConfigInvalid))
        << text;
  }
}

}  // namespace
}  // namespace strongroom::hsm
