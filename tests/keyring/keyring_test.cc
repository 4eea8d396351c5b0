// Keys and versions as callers and the engine see them.
#include "strongroom/keyring/keyring.h"

#include "keyring/kek_label.h"
#include "tests/keyring/keyring_rig.h"

namespace strongroom::keyring {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class KeyringTest : public ::testing::Test {
 protected:
  KeyringTest() { rig_.Start(); }
  Keyring& keyring() { return *rig_.keyring_; }

  KeyringRig rig_;
};

TEST_F(KeyringTest, ANewKeyHasOneEnabledPrimaryWithAProvedKek) {
  NewKey wanted = Named("payments/cards");
  wanted.settings.labels = {{"team", "cards"}};
  wanted.settings.rotation_period = std::chrono::seconds(7200);
  wanted.settings.batch = {.max_items = 8, .max_age = 20ms};
  wanted.settings.destroy_after = std::chrono::seconds(60);
  ASSERT_OK_AND_ASSIGN(auto key, keyring().CreateKey(wanted));
  EXPECT_EQ(key->name, wanted.name.ToString());
  EXPECT_EQ(key->settings.labels, wanted.settings.labels);
  EXPECT_EQ(key->settings.batch, wanted.settings.batch);
  EXPECT_EQ(key->settings.rotation_period, std::chrono::seconds(7200));
  EXPECT_EQ(key->next_rotation, rig_.clock_.Now() + 7200s);
  EXPECT_EQ(key->settings.destroy_after, std::chrono::seconds(60));
  EXPECT_EQ(key->created, rig_.clock_.Now());
  EXPECT_EQ(key->primary, 1u);
  ASSERT_EQ(key->versions.size(), 1u);
  EXPECT_EQ(key->versions[0].state, VersionState::kEnabled);
  EXPECT_EQ(keyring().Current()->FindByName("payments/cards"), key.get());
  EXPECT_EQ(keyring().Current()->FindById(key->id), key.get());
  rig_.ExpectWhole();
}

TEST_F(KeyringTest, TheKekIsLabelledWithInstallationKeyAndVersion) {
  const auto key = rig_.Create("a");
  rig_.Rotate(key->id);
  std::vector<std::string> labels;
  for (const auto& object : rig_.objects_->List()) {
    if (object.object_class == "secret-key") labels.push_back(object.label);
  }
  const std::string start = "strongroom/" +
                            rig_.store_.installation_id().ToString() + "/" +
                            key->id.ToString();
  EXPECT_THAT(labels, ElementsAre(start + "/v1", start + "/v2"));
}

TEST_F(KeyringTest, TheKnownAnswerOpensToZerosUnderItsAad) {
  const auto key = rig_.Create("a");
  const auto rows = rig_.VersionRows();
  ASSERT_EQ(rows.size(), 1u);
  SecretBytes opened;
  std::atomic<bool> done{false};
  rig_.device_->Open(rows[0].kek_id, envelope::KnownAnswerAad(key->id, 1),
                     rows[0].known_answer, SteadyTime::max(),
                     [&](StatusOr<SecretBytes> result) {
                       EXPECT_OK(result);
                       if (result.ok()) opened = *std::move(result);
                       done = true;
                       done.notify_all();
                     });
  done.wait(false);
  EXPECT_EQ(ToBytes(opened.Expose()), Bytes(16, 0));
}

TEST_F(KeyringTest, ArgumentsOutOfBoundsAreRefusedAndNothingIsMade) {
  const auto refused = [&](auto edit) {
    NewKey key = Named("a");
    edit(key);
    EXPECT_THAT(keyring().CreateKey(key), HasReason(Reason::kArgumentInvalid));
  };
  constexpr int64_t kYear = int64_t{365} * 86400;
  refused(
      [](NewKey& k) { k.settings.rotation_period = std::chrono::seconds(1); });
  refused([](NewKey& k) {
    k.settings.rotation_period = std::chrono::seconds(3599);
  });
  refused(
      [](NewKey& k) { k.settings.rotation_period = std::chrono::seconds(-1); });
  refused([](NewKey& k) {
    k.settings.rotation_period = std::chrono::seconds(100 * kYear + 1);
  });
  refused([](NewKey& k) { k.settings.batch.max_items = 0; });
  refused([](NewKey& k) { k.settings.batch.max_items = 4097; });
  refused([](NewKey& k) { k.settings.batch.max_age = -1ms; });
  refused([](NewKey& k) { k.settings.batch.max_age = 3600001ms; });
  refused(
      [](NewKey& k) { k.settings.destroy_after = std::chrono::seconds(-1); });
  refused([](NewKey& k) {
    k.settings.destroy_after = std::chrono::seconds(10 * kYear + 1);
  });
  refused([](NewKey& k) { k.settings.labels = {{"Upper", "x"}}; });
  EXPECT_EQ(rig_.store_.updates(), 0);
  EXPECT_EQ(rig_.objects_->size(), rig_.foreign_objects_);

  NewKey widest = Named("widest");
  widest.settings.rotation_period = std::chrono::seconds(100 * kYear);
  widest.settings.batch = {.max_items = 4096, .max_age = 3600000ms};
  widest.settings.destroy_after = std::chrono::seconds(10 * kYear);
  EXPECT_OK(keyring().CreateKey(widest));
  NewKey smallest = Named("smallest");
  smallest.settings.rotation_period = std::chrono::seconds(3600);
  smallest.settings.batch.max_items = 1;
  smallest.settings.destroy_after = std::chrono::seconds(0);
  EXPECT_OK(keyring().CreateKey(smallest));
}

TEST_F(KeyringTest, ANameIsTakenOnce) {
  rig_.Create("a");
  EXPECT_THAT(keyring().CreateKey(Named("a")),
              HasReason(Reason::kKeyExists, HasSubstr("key a exists")));
  rig_.ExpectWhole();
}

TEST_F(KeyringTest, RotationMakesANewPrimaryAndTheOldVersionStillOpens) {
  const Uuid id = rig_.Create("a")->id;
  const auto key = rig_.Rotate(id);
  EXPECT_EQ(key->primary, 2u);
  ASSERT_OK_AND_ASSIGN(auto seal, keyring().ForSeal(id));
  EXPECT_EQ(seal.version, 2u);
  EXPECT_EQ(seal.kek, key->Find(2)->kek_id);
  ASSERT_OK_AND_ASSIGN(auto open, keyring().ForOpen(id, 1));
  EXPECT_EQ(open.kek, key->Find(1)->kek_id);
  EXPECT_NE(open.kek, seal.kek);
  EXPECT_THAT(rig_.ended_, ElementsAre(id));
}

TEST_F(KeyringTest, UnknownKeysAndVersionsAreNotFound) {
  const Uuid id = rig_.Create("a")->id;
  const Uuid other = Uuid::Random();
  EXPECT_THAT(keyring().ForSeal(other), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(keyring().Primary(other), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(keyring().ForOpen(other, 1), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(keyring().ForOpen(id, 2), HasReason(Reason::kVersionNotFound));
  EXPECT_THAT(keyring().ForOpen(id, 0), HasReason(Reason::kVersionNotFound));
  EXPECT_THAT(keyring().Rotate(other), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(keyring().UpdateKey(other, {}), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(rig_.Move(other, 1, VersionMove::kDisable),
              HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(rig_.Move(id, 2, VersionMove::kDisable),
              HasReason(Reason::kVersionNotFound));
  EXPECT_EQ(keyring().Current()->FindByName("b"), nullptr);
  EXPECT_EQ(keyring().SealsCounted(other, 1), 0u);
  rig_.ExpectWhole();
}

TEST_F(KeyringTest, ThePrimaryCannotBeDisabledOrScheduled) {
  const Uuid id = rig_.Create("a")->id;
  for (VersionMove move :
       {VersionMove::kDisable, VersionMove::kScheduleDestroy}) {
    EXPECT_THAT(
        rig_.Move(id, 1, move),
        HasReason(Reason::kVersionState, HasSubstr("rotate the key first")));
  }
  EXPECT_EQ(rig_.StateOf(id, 1), VersionState::kEnabled);
}

TEST_F(KeyringTest, ADisabledVersionDoesNotOpenAndItsWindowsEnd) {
  const Uuid id = rig_.Create("a")->id;
  rig_.Rotate(id);
  rig_.ended_.clear();
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kDisable));
  EXPECT_THAT(rig_.ended_, ElementsAre(id));
  EXPECT_THAT(
      keyring().ForOpen(id, 1),
      HasReason(Reason::kVersionState,
                "key version a v1 is DISABLED; want ENABLED to unwrap"));
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kEnable));
  EXPECT_OK(keyring().ForOpen(id, 1));
}

TEST_F(KeyringTest, WindowsEndOnlyAfterTheChangeIsPublished) {
  const Uuid id = rig_.Create("a")->id;
  uint32_t seen = 0;
  KeyringOptions options;
  Keyring* keyring = nullptr;
  options.end_windows = [&](const Uuid& key) {
    seen = keyring->Current()->FindById(key)->primary;
  };
  auto other = std::make_unique<Keyring>(rig_.store_, *rig_.device_,
                                         rig_.clock_, NullMetrics(), options);
  keyring = other.get();
  ASSERT_OK(other->Start());
  ASSERT_OK(other->Rotate(id));
  EXPECT_EQ(seen, 2u);
}

TEST_F(KeyringTest, SealIsCurrentUntilTheNextRotation) {
  const Uuid id = rig_.Create("a")->id;
  ASSERT_OK_AND_ASSIGN(auto first, keyring().ForSeal(id));
  EXPECT_TRUE(keyring().SealIsCurrent(first));
  rig_.Rotate(id);
  EXPECT_FALSE(keyring().SealIsCurrent(first));
  ASSERT_OK_AND_ASSIGN(auto second, keyring().ForSeal(id));
  EXPECT_TRUE(keyring().SealIsCurrent(second));
  batching::KekRef wrong = second;
  wrong.kek = first.kek;
  EXPECT_FALSE(keyring().SealIsCurrent(wrong));
  wrong = second;
  wrong.key_id = Uuid::Random();
  EXPECT_FALSE(keyring().SealIsCurrent(wrong));
}

TEST_F(KeyringTest, PrimaryNamesWhatForSealNamesAndCountsNothing) {
  const Uuid id = rig_.Create("a")->id;
  const uint64_t before = keyring().SealsCounted(id, 1);
  ASSERT_OK_AND_ASSIGN(auto primary, keyring().Primary(id));
  EXPECT_EQ(keyring().SealsCounted(id, 1), before);
  ASSERT_OK_AND_ASSIGN(auto seal, keyring().ForSeal(id));
  EXPECT_EQ(keyring().SealsCounted(id, 1), before + 1);
  EXPECT_EQ(primary.version, seal.version);
  EXPECT_EQ(primary.kek, seal.kek);
  EXPECT_EQ(primary.policy, seal.policy);
}

TEST_F(KeyringTest, UpdateChangesWhatIsGivenAndNothingElse) {
  NewKey wanted = Named("a");
  wanted.settings.labels = {{"team", "x"}};
  wanted.settings.rotation_period = std::chrono::seconds(7200);
  ASSERT_OK_AND_ASSIGN(auto before, keyring().CreateKey(wanted));
  KeyChange change;
  change.batch = model::BatchPolicy{.max_items = 3, .max_age = 5ms};
  ASSERT_OK_AND_ASSIGN(auto after, keyring().UpdateKey(before->id, change));
  EXPECT_EQ(after->settings.batch, *change.batch);
  EXPECT_EQ(after->settings.labels, before->settings.labels);
  EXPECT_EQ(after->settings.rotation_period, std::chrono::seconds(7200));
  EXPECT_EQ(after->next_rotation, before->next_rotation);
  EXPECT_EQ(after->settings.destroy_after, before->settings.destroy_after);
  EXPECT_EQ(keyring().ForSeal(before->id)->policy, *change.batch);
  EXPECT_THAT(rig_.ended_, ElementsAre(before->id));
}

TEST_F(KeyringTest, UpdateOutOfBoundsIsRefused) {
  const Uuid id = rig_.Create("a")->id;
  const auto refused = [&](auto edit) {
    KeyChange change;
    edit(change);
    EXPECT_THAT(keyring().UpdateKey(id, change),
                HasReason(Reason::kArgumentInvalid));
  };
  refused([](KeyChange& c) { c.labels = Labels{{"", "x"}}; });
  refused([](KeyChange& c) { c.rotation_period = std::chrono::seconds(3599); });
  refused([](KeyChange& c) { c.batch = model::BatchPolicy{0, 0ms}; });
  refused([](KeyChange& c) { c.destroy_after = std::chrono::seconds(-1); });
}

TEST_F(KeyringTest, EveryChangeRaisesTheChangeSequence) {
  uint64_t last = keyring().Current()->change_seq();
  const auto rises = [&] {
    const uint64_t now = keyring().Current()->change_seq();
    EXPECT_GT(now, last);
    last = now;
  };
  const Uuid id = rig_.Create("a")->id;
  rises();
  rig_.Rotate(id);
  rises();
  ASSERT_OK(rig_.Move(id, 1, VersionMove::kDisable));
  rises();
  ASSERT_OK(keyring().UpdateKey(id, {}));
  rises();
}

TEST_F(KeyringTest, AnOldSnapshotStaysAsItWas) {
  const Uuid id = rig_.Create("a")->id;
  const auto before = keyring().Current();
  rig_.Rotate(id);
  rig_.Create("b");
  EXPECT_EQ(before->keys().size(), 1u);
  EXPECT_EQ(before->FindById(id)->primary, 1u);
  EXPECT_EQ(before->FindById(id)->versions.size(), 1u);
  EXPECT_EQ(keyring().Current()->keys().size(), 2u);
}

TEST_F(KeyringTest, AKeyThatAnotherProcessChangesIsAConflict) {
  const Uuid id = rig_.Create("a")->id;
  const std::string lease = "key/" + id.ToString();
  ASSERT_OK(rig_.another_.Update(
      [&](store::Transaction& t) { return t.TakeLease(lease, 60s).status(); }));
  EXPECT_THAT(keyring().Rotate(id), HasReason(Reason::kConflict));
  EXPECT_EQ(rig_.objects_->size(), rig_.foreign_objects_ + 1);
  rig_.clock_.Advance(61s);
  EXPECT_OK(keyring().Rotate(id));
}

TEST_F(KeyringTest, ALeaseLostOnTheWayStopsTheRotation) {
  const Uuid id = rig_.Create("a")->id;
  // While the token works, the minute passes and another process takes over.
  static KeyringRig* rig = nullptr;
  static Uuid key;
  rig = &rig_;
  key = id;
  SetCrashHookForTest([](const char* step) {
    if (std::string_view(step) != "rotate/object") return;
    rig->clock_.Advance(61s);
    EXPECT_OK(rig->another_.Update([&](store::Transaction& t) {
      return t.TakeLease("key/" + key.ToString(), 60s).status();
    }));
  });
  EXPECT_THAT(keyring().Rotate(id), HasReason(Reason::kConflict));
  SetCrashHookForTest(nullptr);
  EXPECT_EQ(keyring().Current()->FindById(id)->primary, 1u);
  // What it began is taken back once the other's lease has run out.
  rig_.clock_.Advance(61s);
  rig_.RunAllDue();
  EXPECT_EQ(rig_.objects_->size(), rig_.foreign_objects_ + 1);
  rig_.Rotate(id);
  rig_.ExpectWhole();
}

TEST_F(KeyringTest, AnOwnerIsFoundForEveryObjectOnTheToken) {
  const auto key = rig_.Create("payments/cards");
  rig_.Rotate(key->id);
  const Uuid here = rig_.store_.installation_id();
  const Uuid lost = Uuid::Random(), theirs = Uuid::Random();
  rig_.objects_->AddKek(lost, KekLabel{here, key->id, 9}.ToString());
  rig_.objects_->AddKek(theirs,
                        KekLabel{Uuid::Random(), key->id, 1}.ToString());
  // Somebody's object with the id of ours is not ours.
  rig_.objects_->AddForeign(key->versions[0].kek_id.bytes(), "disguised");
  ASSERT_OK_AND_ASSIGN(auto objects, keyring().DescribeObjects());
  std::vector<std::string> owners;
  for (const auto& object : objects) owners.push_back(object.owner);
  EXPECT_THAT(owners, UnorderedElementsAre(
                          "foreign", "foreign", "foreign",
                          "kek payments/cards v1", "kek payments/cards v2",
                          "unknown to this store", "unknown installation"));
}

TEST(KekLabelTest, OnlyLabelsOfItsOwnFormAreParsed) {
  const KekLabel label{Uuid::Random(), Uuid::Random(), 0x7fffffff};
  const std::string text = label.ToString();
  EXPECT_EQ(KekLabel::Parse(text), label);
  for (size_t size = 0; size < text.size(); ++size) {
    const auto cut = KekLabel::Parse(text.substr(0, size));
    // A shorter number is another version; nothing else parses.
    if (cut) {
      EXPECT_LT(cut->version, label.version);
      EXPECT_GT(size, text.rfind('v') + 1);
    }
  }
  const std::string stem = text.substr(0, text.rfind('v'));
  for (const char* end : {"v0", "v01", "v-1", "v2147483648", "v99999999999",
                          "v1 ", "v1/", "w1", "v", "V1", "v+1", "v0x1"}) {
    EXPECT_FALSE(KekLabel::Parse(stem + end)) << end;
  }
  EXPECT_FALSE(KekLabel::Parse("Strongroom" + text.substr(10)));
  EXPECT_FALSE(KekLabel::Parse(text + "x"));
}

}  // namespace
}  // namespace strongroom::keyring
