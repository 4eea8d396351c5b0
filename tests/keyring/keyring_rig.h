// KeyringRig: a store and a token that outlive the keyrings on them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "strongroom/base/crash_points.h"
#include "strongroom/envelope/token.h"
#include "strongroom/keyring/keyring.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_device.h"
#include "tests/testing/memory_store.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::keyring {

using namespace std::chrono_literals;
using ::strongroom::testing::FakeClock;
using ::strongroom::testing::FakeDevice;
using ::strongroom::testing::FakeOperation;
using ::strongroom::testing::HasReason;
using ::strongroom::testing::MemoryStore;
using ::strongroom::testing::ObjectTable;

inline KeyName Name(std::string_view text) {
  auto name = KeyName::Parse(text);
  EXPECT_OK(name);
  return *std::move(name);
}

inline NewKey Named(std::string_view name) {
  return {.name = Name(name), .settings = {}};
}

// What a crash hook throws: everything of the "process" unwinds, none of our
// code catches it.
struct Crash {
  std::string step;
};

class KeyringRig {
 public:
  KeyringRig() {
    objects_->AddForeign(foreign_id_.bytes(), "somebody's certificate");
    objects_->AddForeign({}, "nameless");
  }
  ~KeyringRig() { SetCrashHookForTest(nullptr); }

  // Restart is kill -9 and a new process.
  void Restart() {
    keyring_.reset();
    device_.reset();
    store_.Restart();
    testing::FakeDeviceOptions device;
    device.workers = 1;
    device.objects = objects_;
    device_ = std::make_unique<FakeDevice>(device);
    keyring_ = NewKeyring();
  }
  std::unique_ptr<Keyring> NewKeyring() { return NewKeyring(store_); }
  std::unique_ptr<Keyring> NewKeyring(store::Store& store) {
    KeyringOptions options;
    options.ledger_block = ledger_block_;
    options.end_windows = [this](const Uuid& id) { ended_.push_back(id); };
    options.destruction_grace = destruction_grace_;
    options.use_patience = 20ms;
    options.record = [this](const Event& event) {
      events_.push_back(event);
      return record_status_;
    };
    return std::make_unique<Keyring>(store, *device_, clock_, NullMetrics(),
                                     options);
  }
  RecoveryReport Start() {
    Restart();
    auto report = keyring_->Start();
    EXPECT_OK(report);
    return report.value_or(RecoveryReport{});
  }
  // Runs what is due until nothing is.
  void RunAllDue() {
    for (int i = 0; i < 50; ++i) {
      if (keyring_->RunDue() > clock_.Now() + 1s) return;
    }
    ADD_FAILURE() << "RunDue always has more";
  }

  std::shared_ptr<const Key> Create(std::string_view name) {
    auto key = keyring_->CreateKey(Named(name));
    EXPECT_OK(key);
    return key.ok() ? *key : nullptr;
  }
  std::shared_ptr<const Key> Rotate(const Uuid& id) {
    auto key = keyring_->Rotate(id);
    EXPECT_OK(key);
    return key.ok() ? *key : nullptr;
  }
  Status Move(const Uuid& id, uint32_t version, VersionMove move) {
    return keyring_->Move(id, version, move).status();
  }
  VersionState StateOf(const Uuid& id, uint32_t version) {
    const std::shared_ptr<const Snapshot> snapshot = keyring_->Current();
    const Key* key = snapshot->FindById(id);
    const Version* found = key == nullptr ? nullptr : key->Find(version);
    EXPECT_NE(found, nullptr);
    return found == nullptr ? VersionState::kPending : found->state;
  }

  std::vector<store::VersionRow> VersionRows() {
    std::vector<store::VersionRow> rows;
    EXPECT_OK(store_.Read([&](store::ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(rows, t.AllVersions());
      return OkStatus();
    }));
    return rows;
  }
  std::vector<store::KeyRow> KeyRows() {
    std::vector<store::KeyRow> rows;
    EXPECT_OK(store_.Read([&](store::ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(rows, t.AllKeys());
      return OkStatus();
    }));
    return rows;
  }
  void EditVersion(const Uuid& key_id, uint32_t version,
                   const std::function<void(store::VersionRow*)>& edit) {
    EXPECT_OK(store_.Update([&](store::Transaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(auto rows, t.VersionsOf(key_id));
      for (store::VersionRow& row : rows) {
        if (row.version != version) continue;
        edit(&row);
        return t.UpdateVersion(row);
      }
      return Error(Reason::kVersionNotFound, "no such version");
    }));
  }

  // ExpectWhole: store, token and snapshot agree, every KEK proves itself, and
  // nothing foreign was touched.
  void ExpectWhole() {
    const std::shared_ptr<const Snapshot> snapshot = keyring_->Current();
    size_t keks = 0;
    for (const store::VersionRow& row : VersionRows()) {
      SCOPED_TRACE("v" + std::to_string(row.version));
      const Key* key = snapshot->FindById(row.key_id);
      ASSERT_NE(key, nullptr) << "a row that nobody sees";
      ASSERT_NE(key->Find(row.version), nullptr);
      EXPECT_EQ(key->Find(row.version)->state, row.state);
      EXPECT_NE(row.state, VersionState::kPending);
      EXPECT_FALSE(row.destroying);
      const bool gone = row.state == VersionState::kDestroyed;
      EXPECT_EQ(objects_->Contains(row.kek_id), !gone);
      if (gone) continue;
      ++keks;
      EXPECT_OK(device_->Prove(row.kek_id));
    }
    EXPECT_EQ(snapshot->keys().size(), KeyRows().size());
    for (const auto& [name, key] : snapshot->keys()) {
      const Version* primary = key->Find(key->primary);
      ASSERT_NE(primary, nullptr) << name;
      EXPECT_EQ(primary->state, VersionState::kEnabled) << name;
      EXPECT_OK(keyring_->ForSeal(key->id)) << name;
    }
    EXPECT_TRUE(objects_->Contains(foreign_id_));
    EXPECT_EQ(objects_->size(), keks + foreign_objects_) << "objects left over";
    EXPECT_OK(store_.Read([&](store::ReadTransaction& t) -> Status {
      for (const store::KeyRow& row : KeyRowsIn(t)) {
        SR_ASSIGN_OR_RETURN(auto lease, t.GetLease("key/" + row.id.ToString()));
        EXPECT_FALSE(lease.has_value()) << "a lease left over: " << row.name;
      }
      return OkStatus();
    }));
  }
  // The KEKs of versions that were given up.
  std::vector<Uuid> Removed() {
    std::vector<Uuid> keks;
    EXPECT_OK(store_.Read([&](store::ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(const auto rows, t.AllRemoved());
      for (const store::RemovedRow& row : rows) keks.push_back(row.kek_id);
      return OkStatus();
    }));
    return keks;
  }
  static std::vector<store::KeyRow> KeyRowsIn(store::ReadTransaction& t) {
    auto rows = t.AllKeys();
    EXPECT_OK(rows);
    return rows.value_or(std::vector<store::KeyRow>());
  }

  FakeClock clock_;
  MemoryStore store_{clock_};
  testing::MemoryReplica another_{store_};  // another process on it
  std::shared_ptr<ObjectTable> objects_ = std::make_shared<ObjectTable>();
  Uuid foreign_id_ = Uuid::Random();
  size_t foreign_objects_ = 2;
  uint64_t ledger_block_ = 16;
  std::vector<Uuid> ended_;
  std::chrono::seconds destruction_grace_{0};
  std::vector<Event> events_;
  Status record_status_;
  std::unique_ptr<FakeDevice> device_;
  std::unique_ptr<Keyring> keyring_;
};

}  // namespace strongroom::keyring
