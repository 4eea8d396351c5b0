// Every step at which a process can die, and every call that can fail.
#include <set>

#include "tests/keyring/keyring_rig.h"

namespace strongroom::keyring {
namespace {

int g_steps_left = 0;
std::vector<std::string>* g_steps = nullptr;

void CountDown(const char* step) {
  if (g_steps != nullptr) g_steps->push_back(step);
  if (g_steps_left > 0 && --g_steps_left == 0) throw Crash{step};
}

// RunUntilCrash gives the step at which it died, or "" if it came to its end.
std::string RunUntilCrash(int steps, const std::function<void()>& body) {
  g_steps_left = steps;
  SetCrashHookForTest(&CountDown);
  std::string died;
  try {
    body();
  } catch (const Crash& crash) {
    died = crash.step;
  }
  SetCrashHookForTest(nullptr);
  return died;
}

// One change, on a rig that has the key "a" with versions 1 (DISABLED) and 2.
struct Change {
  const char* name;
  std::function<void(KeyringRig&, const Uuid& a)> run;
};

void DestroyFirst(KeyringRig& rig, const Uuid& a) {
  (void)rig.Move(a, 1, VersionMove::kScheduleDestroy);
  rig.clock_.Advance(31 * 24h);
  rig.keyring_->RunDue();
}

const Change kChanges[] = {
    {"Create", [](KeyringRig& rig,
                  const Uuid&) { (void)rig.keyring_->CreateKey(Named("b")); }},
    {"Rotate",
     [](KeyringRig& rig, const Uuid& a) { (void)rig.keyring_->Rotate(a); }},
    {"Destroy", DestroyFirst},
    {"RotateAndRetire",
     [](KeyringRig& rig, const Uuid& a) {
       (void)rig.keyring_->Rotate(a);
       rig.clock_.Advance(90 * 24h);
       rig.keyring_->RunDue();
     }},
    {"Enable",
     [](KeyringRig& rig, const Uuid& a) {
       (void)rig.Move(a, 1, VersionMove::kEnable);
     }},
    {"Update",
     [](KeyringRig& rig, const Uuid& a) {
       KeyChange change;
       change.labels = Labels{{"team", "x"}};
       (void)rig.keyring_->UpdateKey(a, change);
     }},
};

class EveryChange : public ::testing::TestWithParam<Change> {
 protected:
  // A rig of its own for each step.
  struct Prepared {
    KeyringRig rig;
    Uuid a;
  };
  static std::unique_ptr<Prepared> Prepare() {
    auto prepared = std::make_unique<Prepared>();
    prepared->rig.Start();
    NewKey key = Named("a");
    key.settings.retire_after = std::chrono::seconds(90 * 86400);
    auto created = prepared->rig.keyring_->CreateKey(key);
    EXPECT_OK(created);
    prepared->a = (*created)->id;
    prepared->rig.Rotate(prepared->a);
    EXPECT_OK(prepared->rig.Move(prepared->a, 1, VersionMove::kDisable));
    return prepared;
  }
  static void ExpectUsable(KeyringRig& rig, const Uuid& a) {
    rig.ExpectWhole();
    // The same things can be done (again) afterwards.
    EXPECT_OK(rig.keyring_->Rotate(a));
    auto b = rig.keyring_->CreateKey(Named("b"));
    EXPECT_TRUE(b.ok() || ReasonOf(b.status()) == Reason::kKeyExists);
    rig.ExpectWhole();
  }
};

INSTANTIATE_TEST_SUITE_P(Keyring, EveryChange, ::testing::ValuesIn(kChanges),
                         [](const auto& change) {
                           return std::string(change.param.name);
                         });

TEST_P(EveryChange, IsWholeAfterACrashAtAnyStep) {
  std::set<std::string> seen;
  for (int step = 1;; ++step) {
    auto at = Prepare();
    const std::string died =
        RunUntilCrash(step, [&] { GetParam().run(at->rig, at->a); });
    if (died.empty()) break;
    SCOPED_TRACE(died);
    EXPECT_TRUE(seen.insert(died).second) << "a step with another's name";
    at->rig.Start();
    ExpectUsable(at->rig, at->a);
  }
  EXPECT_GE(seen.size(), 3u);
}

TEST_P(EveryChange, IsWholeAfterACrashAtAnyStepAndInRecovery) {
  for (int step = 1;; ++step) {
    bool died_in_change = true;
    for (int second = 1;; ++second) {
      auto at = Prepare();
      const std::string died =
          RunUntilCrash(step, [&] { GetParam().run(at->rig, at->a); });
      died_in_change = !died.empty();
      if (!died_in_change) break;
      at->rig.Restart();
      const std::string again =
          RunUntilCrash(second, [&] { (void)at->rig.keyring_->Start(); });
      SCOPED_TRACE(died + " then " + again);
      at->rig.Start();
      ExpectUsable(at->rig, at->a);
      if (again.empty()) break;
    }
    if (!died_in_change) break;
  }
}

TEST_P(EveryChange, IsWholeAfterAnyTransactionFails) {
  for (auto moment : {MemoryStore::Moment::kBeforeCommit,
                      MemoryStore::Moment::kAfterCommit}) {
    for (int times : {1, 100}) {
      for (int n = 1;; ++n) {
        SCOPED_TRACE(
            "update " + std::to_string(n) + " times " + std::to_string(times) +
            (moment == MemoryStore::Moment::kAfterCommit ? " after commit"
                                                         : ""));
        auto at = Prepare();
        const int before = at->rig.store_.updates();
        at->rig.store_.FailUpdate(n, Error(Reason::kStoreFull, "full"), moment,
                                  times);
        GetParam().run(at->rig, at->a);
        const bool reached = at->rig.store_.updates() - before >= n;
        at->rig.store_.ClearFaults();
        // First in the same process, when the disk has room again.
        at->rig.clock_.Advance(11s);
        at->rig.RunAllDue();
        at->rig.ExpectWhole();
        at->rig.Start();
        at->rig.RunAllDue();
        ExpectUsable(at->rig, at->a);
        if (!reached) break;
      }
    }
  }
}

TEST_P(EveryChange, IsWholeAfterAnyDeviceCallFails) {
  for (FakeOperation operation :
       {FakeOperation::kCreateKek, FakeOperation::kSeal,
        FakeOperation::kDestroyKek}) {
    for (auto moment : {FakeDevice::Moment::kBeforeEffect,
                        FakeDevice::Moment::kAfterEffect}) {
      for (int times : {1, 3}) {
        SCOPED_TRACE(static_cast<int>(operation));
        auto at = Prepare();
        at->rig.device_->FailNext(
            operation, Error(Reason::kHsmUnavailable, "gone"), times, moment);
        // Taking back needs the device too: it fails as well.
        at->rig.device_->FailNext(FakeOperation::kDestroyKek,
                                  Error(Reason::kHsmUnavailable, "gone"), 1,
                                  moment);
        GetParam().run(at->rig, at->a);
        for (int i = 0; i < 6; ++i) {
          at->rig.clock_.Advance(11s);
          at->rig.keyring_->RunDue();
        }
        at->rig.ExpectWhole();
        at->rig.Start();
        at->rig.RunAllDue();
        ExpectUsable(at->rig, at->a);
      }
    }
  }
}

TEST_P(EveryChange, IsWholeAfterADeviceFailureAndARestart) {
  for (FakeOperation operation :
       {FakeOperation::kCreateKek, FakeOperation::kSeal,
        FakeOperation::kDestroyKek}) {
    for (auto moment : {FakeDevice::Moment::kBeforeEffect,
                        FakeDevice::Moment::kAfterEffect}) {
      SCOPED_TRACE(static_cast<int>(operation));
      auto at = Prepare();
      for (FakeOperation also : {operation, FakeOperation::kDestroyKek}) {
        at->rig.device_->FailNext(also, Error(Reason::kHsmUnavailable, "gone"),
                                  100, moment);
      }
      GetParam().run(at->rig, at->a);
      at->rig.Start();
      ExpectUsable(at->rig, at->a);
    }
  }
}

TEST(CrashSweep, EveryStepOfTheContractIsNamed) {
  std::vector<std::string> steps;
  g_steps = &steps;
  KeyringRig rig;
  const std::string died = RunUntilCrash(0, [&] {
    rig.Start();
    const Uuid a = rig.Create("a")->id;
    rig.Rotate(a);
    DestroyFirst(rig, a);
  });
  g_steps = nullptr;
  EXPECT_EQ(died, "");
  EXPECT_THAT(steps,
              ::testing::ElementsAre(
                  "start/begin", "start/end", "create/begin", "create/pending",
                  "create/object", "create/known-answer", "create/enabled",
                  "create/published", "rotate/begin", "rotate/pending",
                  "rotate/object", "rotate/known-answer", "rotate/enabled",
                  "rotate/published", "move/begin", "change/stored",
                  "move/published", "destroy/begin", "destroy/marked",
                  "destroy/object", "destroy/stored", "destroy/published"));
}

}  // namespace
}  // namespace strongroom::keyring
