// EngineRig: an engine on a FakeDevice, a KekSource that tests steer, a clock
// that stands still, and short ways to submit and to look at answers.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strongroom/base/metrics.h"
#include "strongroom/base/mutex.h"
#include "strongroom/batching/engine.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_device.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::batching {

// Keks is a keyring in a few lines. Thread-safe.
class Keks final : public KekSource {
 public:
  explicit Keks(std::shared_ptr<testing::ObjectTable> token)
      : token_(std::move(token)) {}

  Uuid AddKey(const model::BatchPolicy& policy = {}) {
    const Uuid id = Uuid::Random();
    {
      MutexLock lock(mutex_);
      keys_[id].policy = policy;
    }
    Rotate(id);
    return id;
  }
  void Rotate(const Uuid& key_id) {
    const Uuid kek = Uuid::Random();
    token_->AddKek(kek, "test");
    MutexLock lock(mutex_);
    keys_[key_id].versions.push_back({kek, true});
  }
  void Disable(const Uuid& key_id, uint32_t version) {
    MutexLock lock(mutex_);
    keys_[key_id].versions[version - 1].enabled = false;
  }
  void RefuseSeals(const Status& status) {
    MutexLock lock(mutex_);
    refuse_seals_ = status;
  }
  Uuid Kek(const Uuid& key_id, uint32_t version) {
    MutexLock lock(mutex_);
    return keys_[key_id].versions[version - 1].kek;
  }
  uint64_t seals() const {
    MutexLock lock(mutex_);
    return seals_;
  }
  uint64_t opens() const {
    MutexLock lock(mutex_);
    return opens_;
  }

  StatusOr<KekRef> Primary(const Uuid& key_id) override {
    MutexLock lock(mutex_);
    return Find(key_id, 0);
  }
  StatusOr<KekRef> ForSeal(const Uuid& key_id) override {
    MutexLock lock(mutex_);
    SR_RETURN_IF_ERROR(refuse_seals_);
    ++seals_;
    return Find(key_id, 0);
  }
  StatusOr<KekRef> ForOpen(const Uuid& key_id, uint32_t version) override {
    MutexLock lock(mutex_);
    ++opens_;
    return Find(key_id, version);
  }
  bool SealIsCurrent(const KekRef& kek) override {
    MutexLock lock(mutex_);
    StatusOr<KekRef> now = Find(kek.key_id, 0);
    return now.ok() && now->kek == kek.kek;
  }

 private:
  struct Version {
    Uuid kek;
    bool enabled;
  };
  struct Key {
    model::BatchPolicy policy;
    std::vector<Version> versions;
  };

  // Version 0 asks for the primary.
  StatusOr<KekRef> Find(const Uuid& key_id, uint32_t version)
      SR_REQUIRES(mutex_) {
    auto key = keys_.find(key_id);
    if (key == keys_.end()) {
      return Error(Reason::kKeyNotFound, "no such key");
    }
    const auto& versions = key->second.versions;
    if (version == 0) version = static_cast<uint32_t>(versions.size());
    if (version > versions.size()) {
      return Error(Reason::kVersionNotFound, "no such version");
    }
    if (!versions[version - 1].enabled) {
      return Error(Reason::kVersionState, "version is DISABLED");
    }
    return KekRef{key_id, version, versions[version - 1].kek,
                  key->second.policy};
  }

  const std::shared_ptr<testing::ObjectTable> token_;
  mutable Mutex mutex_;
  std::map<Uuid, Key> keys_ SR_GUARDED_BY(mutex_);
  Status refuse_seals_ SR_GUARDED_BY(mutex_);
  uint64_t seals_ SR_GUARDED_BY(mutex_) = 0;
  uint64_t opens_ SR_GUARDED_BY(mutex_) = 0;
};

// Answer is where a request arrives when it is done.
template <typename Request>
struct Answer {
  std::atomic<int> times{0};
  std::unique_ptr<Request> request;  // set before times is

  bool done() const { return times.load() > 0; }
  auto& items() const { return request->items; }
  const Status& status(size_t i = 0) const { return request->items[i].status; }
};
template <typename Request>
using AnswerPtr = std::shared_ptr<Answer<Request>>;

struct EngineRig {
  EngineRig() : EngineRig(Manual()) {}
  explicit EngineRig(const testing::FakeDeviceOptions& device_options,
                     const EngineOptions& options = {})
      : device(Complete(device_options, this)),
        keks(token),
        engine(std::make_unique<Engine>(device, keks, clock, NullMetrics(),
                                        options)) {}

  static testing::FakeDeviceOptions Manual(int workers = 8,
                                           int partial_batches = 2) {
    testing::FakeDeviceOptions options;
    options.manual = true;
    options.workers = workers;
    options.partial_batches = partial_batches;
    return options;
  }
  static testing::FakeDeviceOptions Threads(int workers) {
    testing::FakeDeviceOptions options;
    options.workers = workers;
    return options;
  }

  template <typename Request>
  AnswerPtr<Request> Expect(Request* request) {
    auto answer = std::make_shared<Answer<Request>>();
    request->done = [answer](std::unique_ptr<Request> back) {
      answer->request = std::move(back);
      answer->times.fetch_add(1);
    };
    return answer;
  }

  std::unique_ptr<SealRequest> NewSeal(const Uuid& key_id, size_t items,
                                       std::string_view caller = "anna") {
    auto request = std::make_unique<SealRequest>();
    request->caller = caller;
    request->deadline = clock.Steady() + std::chrono::seconds(5);
    request->key_id = key_id;
    request->items.resize(items);
    for (size_t i = 0; i < items; ++i) {
      const Bytes secret(32, static_cast<uint8_t>(i));
      request->items[i].secret = SecretBytes::CopyOf(secret);
    }
    return request;
  }
  AnswerPtr<SealRequest> Seal(std::unique_ptr<SealRequest> request) {
    auto answer = Expect(request.get());
    engine->Seal(std::move(request));
    return answer;
  }
  AnswerPtr<SealRequest> Seal(const Uuid& key_id, size_t items = 1,
                              std::string_view caller = "anna") {
    return Seal(NewSeal(key_id, items, caller));
  }

  static envelope::Token TokenOf(const SealItem& item) {
    Bytes bytes = *item.header;
    Append(&bytes, item.leaf);
    StatusOr<envelope::Token> parsed = envelope::ParseToken(bytes);
    EXPECT_OK(parsed);
    return *std::move(parsed);
  }

  std::unique_ptr<OpenRequest> NewOpen(
      const std::vector<envelope::Token>& tokens,
      std::string_view caller = "anna") {
    auto request = std::make_unique<OpenRequest>();
    request->caller = caller;
    request->deadline = clock.Steady() + std::chrono::seconds(5);
    for (const envelope::Token& each : tokens) {
      request->items.emplace_back().token = each;
    }
    return request;
  }
  AnswerPtr<OpenRequest> Open(std::unique_ptr<OpenRequest> request) {
    auto answer = Expect(request.get());
    engine->Open(std::move(request));
    return answer;
  }
  AnswerPtr<OpenRequest> Open(const std::vector<envelope::Token>& tokens,
                              std::string_view caller = "anna") {
    return Open(NewOpen(tokens, caller));
  }

  AnswerPtr<RewrapRequest> Rewrap(const std::vector<envelope::Header>& headers,
                                  std::string_view caller = "anna") {
    auto request = std::make_unique<RewrapRequest>();
    request->caller = caller;
    request->deadline = clock.Steady() + std::chrono::seconds(5);
    for (const envelope::Header& header : headers) {
      request->items.emplace_back().header = header;
    }
    auto answer = Expect(request.get());
    engine->Rewrap(std::move(request));
    return answer;
  }

  // SealNow seals `items` secrets with one batch and gives their tokens.
  std::vector<envelope::Token> SealNow(const Uuid& key_id, size_t items = 1) {
    auto answer = Seal(key_id, items);
    device.RunAll();
    std::vector<envelope::Token> tokens;
    EXPECT_TRUE(answer->done());
    for (const SealItem& item : answer->items()) {
      EXPECT_OK(item.status);
      tokens.push_back(TokenOf(item));
    }
    return tokens;
  }

  uint64_t seals() const { return device.count(testing::FakeOperation::kSeal); }
  uint64_t opens() const { return device.count(testing::FakeOperation::kOpen); }

  testing::FakeClock clock;
  std::shared_ptr<testing::ObjectTable> token =
      std::make_shared<testing::ObjectTable>();
  testing::FakeDevice device;
  Keks keks;
  std::unique_ptr<Engine> engine;

 private:
  static testing::FakeDeviceOptions Complete(testing::FakeDeviceOptions options,
                                             EngineRig* rig) {
    options.objects = rig->token;
    options.clock = &rig->clock;
    return options;
  }
};

}  // namespace strongroom::batching
