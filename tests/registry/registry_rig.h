// RegistryRig: a registry on a store in memory, with two keys of two versions.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <future>
#include <memory>
#include <vector>

#include "strongroom/registry/registry.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/memory_store.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::registry {

using ::strongroom::testing::HasReason;

// Counts matches a census row by version, batches and DEKs.
inline auto Counts(uint32_t version, uint64_t batches, uint64_t deks) {
  using ::testing::Field;
  return ::testing::AllOf(Field("version", &store::CensusRow::version, version),
                          Field("batches", &store::CensusRow::batches, batches),
                          Field("deks", &store::CensusRow::deks, deks));
}

class RegistryRig {
 public:
  // Batch has the form of what the engine seals; nobody opens it here.
  struct Batch {
    Uuid key_id;
    Uuid id;
    std::shared_ptr<const Bytes> header;
    std::vector<Bytes> leaves;
    Labels labels;
  };

  RegistryRig() {
    EXPECT_OK(store_.Update([&](store::Transaction& t) -> Status {
      for (const Uuid& id : {key_, other_key_}) {
        store::KeyRow key;
        key.id = id;
        key.name = id == key_ ? "a/key" : "b/key";
        key.primary_version = 2;
        SR_RETURN_IF_ERROR(t.InsertKey(key));
        for (uint32_t version : {1u, 2u}) {
          store::VersionRow row;
          row.key_id = id;
          row.version = version;
          row.kek_id = Uuid::Random();
          row.state = store::VersionState::kEnabled;
          SR_RETURN_IF_ERROR(t.InsertVersion(row));
        }
      }
      return OkStatus();
    }));
    Reopen();
  }
  ~RegistryRig() { LetWriterGo(); }

  void Reopen() {
    registry_.reset();
    auto opened = OpenRegistry(store_, clock_, NullMetrics(), options_);
    EXPECT_OK(opened);
    registry_ = *std::move(opened);
  }

  static Batch Seal(const Uuid& key_id, uint32_t version, uint32_t deks) {
    Batch batch;
    batch.key_id = key_id;
    batch.id = Uuid::Random();
    batch.header = std::make_shared<const Bytes>(envelope::SerializeHeader(
        {key_id, version, batch.id, Bytes(envelope::kSealedSizeIv12, 7)}));
    for (uint32_t i = 0; i < deks; ++i) {
      envelope::Leaf leaf;
      leaf.index = i;
      leaf.sealed.assign(48, static_cast<uint8_t>(i));
      envelope::AppendLeaf(leaf, &batch.leaves.emplace_back());
    }
    return batch;
  }
  static Batch Part(const Batch& batch, size_t begin, size_t end) {
    Batch part = batch;
    part.leaves.assign(batch.leaves.begin() + static_cast<ptrdiff_t>(begin),
                       batch.leaves.begin() + static_cast<ptrdiff_t>(end));
    return part;
  }

  std::future<StatusOr<Registered>> RegisterLater(
      const Batch& batch, std::optional<Uuid> request_id = std::nullopt) {
    Registration registration{.caller = "cn:app",
                              .key_id = batch.key_id,
                              .request_id = request_id,
                              .deks = {}};
    for (const Bytes& leaf : batch.leaves) {
      registration.deks.push_back({batch.header, leaf, batch.labels, "ref"});
    }
    auto promise = std::make_shared<std::promise<StatusOr<Registered>>>();
    registry_->Register(std::move(registration),
                        [promise](StatusOr<Registered> registered) {
                          promise->set_value(std::move(registered));
                        });
    return promise->get_future();
  }
  StatusOr<Registered> Register(const Batch& batch,
                                std::optional<Uuid> request_id = std::nullopt) {
    return RegisterLater(batch, request_id).get();
  }

  // HoldWriter keeps the writer's thread busy with an answer, so that what
  // comes next waits together. LetWriterGo also at the end of the test.
  void HoldWriter() {
    let_go_.emplace();
    std::promise<void> held;
    registry_->Register({"cn:rig", key_, std::nullopt, {}},
                        [&held, gate = let_go_->get_future().share()](
                            const StatusOr<Registered>& registered) {
                          EXPECT_OK(registered);
                          held.set_value();
                          gate.wait();
                        });
    held.get_future().wait();
  }
  void LetWriterGo() {
    if (!let_go_) return;
    let_go_->set_value();
    let_go_.reset();
  }

  void SetState(uint32_t version, store::VersionState state) {
    EXPECT_OK(store_.Update([&](store::Transaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(auto rows, t.VersionsOf(key_));
      for (store::VersionRow& row : rows) {
        if (row.version != version) continue;
        row.state = state;
        return t.UpdateVersion(row);
      }
      return OkStatus();
    }));
  }
  std::vector<store::CensusRow> Census() {
    std::vector<store::CensusRow> rows;
    EXPECT_OK(store_.Read([&](store::ReadTransaction& t) -> Status {
      SR_ASSIGN_OR_RETURN(rows, t.dependents().CensusOf(key_));
      return OkStatus();
    }));
    return rows;
  }
  std::vector<DekId> Listed(const DekFilter& filter, size_t limit) {
    std::vector<DekId> ids;
    std::optional<DekId> after;
    for (;;) {
      auto page = registry_->List(key_, filter, after, limit);
      EXPECT_OK(page);
      EXPECT_LE(page->deks.size(), limit);
      for (const DekInfo& dek : page->deks) ids.push_back(dek.id);
      if (!page->next_after) return ids;
      after = page->next_after;
    }
  }

  testing::FakeClock clock_;
  testing::MemoryStore store_{clock_};
  Uuid key_ = Uuid::Random();
  Uuid other_key_ = Uuid::Random();
  RegistryOptions options_;
  std::optional<std::promise<void>> let_go_;
  std::unique_ptr<Registry> registry_;
};

}  // namespace strongroom::registry
