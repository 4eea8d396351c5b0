// A process that pauses while it makes or takes back a version, until its lease
// has ended.
#include "tests/keyring/keyring_rig.h"

namespace strongroom::keyring {
namespace {

// At a step of this process, another one takes over its key, whose lease has
// ended, and starts.
class PausedMakerTest : public ::testing::Test {
 protected:
  PausedMakerTest() { rig_.Start(); }
  ~PausedMakerTest() override { SetCrashHookForTest(nullptr); }
  void PauseAt(const char* step) {
    g_step = step;
    g_pause = [this] {
      rig_.clock_.Advance(61s);
      other_ = rig_.NewKeyring(rig_.another_);
      EXPECT_OK(other_->Start());
    };
    SetCrashHookForTest([](const char* reached) {
      if (std::string_view(reached) != g_step) return;
      SetCrashHookForTest(nullptr);
      g_pause();
    });
  }

  Keyring& keyring() { return *rig_.keyring_; }

  KeyringRig rig_;
  static inline const char* g_step = "";
  static inline std::function<void()> g_pause;
  std::unique_ptr<Keyring> other_;
};

TEST_F(PausedMakerTest, ItLeavesNothingOnTheTokenWithoutARow) {
  const Uuid id = rig_.Create("a")->id;
  PauseAt("rotate/pending");
  EXPECT_THAT(keyring().Rotate(id), HasReason(Reason::kConflict));
  // It made its object after the other had given its version up.
  EXPECT_EQ(rig_.VersionRows().size(), 1u);
  ASSERT_EQ(rig_.Removed().size(), 1u);
  const Uuid late = rig_.Removed()[0];
  ASSERT_TRUE(rig_.objects_->Contains(late));
  rig_.clock_.Advance(10min);
  other_->RunDue();
  EXPECT_FALSE(rig_.objects_->Contains(late)) << "it is swept";
  EXPECT_OK(other_->Rotate(id));
  EXPECT_EQ(other_->Current()->FindById(id)->primary, 2u);
}

TEST_F(PausedMakerTest, ItDestroysNothingThatAnotherHasFinished) {
  const Uuid id = rig_.Create("a")->id;
  rig_.device_->FailNext(FakeOperation::kSeal,
                         Error(Reason::kHsmUnavailable, "gone"));
  PauseAt("take-back/begin");
  EXPECT_FALSE(keyring().Rotate(id).ok());
  ASSERT_EQ(rig_.VersionRows().size(), 2u);
  EXPECT_EQ(rig_.VersionRows()[1].state, VersionState::kEnabled);
  EXPECT_TRUE(rig_.objects_->Contains(rig_.VersionRows()[1].kek_id));
  EXPECT_OK(other_->ForSeal(id));
  rig_.clock_.Advance(10min);
  rig_.RunAllDue();
  EXPECT_TRUE(rig_.objects_->Contains(rig_.VersionRows()[1].kek_id));
}

}  // namespace
}  // namespace strongroom::keyring
