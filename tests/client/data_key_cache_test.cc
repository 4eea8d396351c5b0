#include "strongroom/client/data_key_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/fake_client.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::client {
namespace {

using namespace std::chrono_literals;
using ::strongroom::testing::FakeBehaviour;
using ::strongroom::testing::FakeClient;
using ::strongroom::testing::FakeClock;
using ::strongroom::testing::HasReason;
using ::testing::HasSubstr;

// Every DEK is another one; the wrapping is the number of it. A gate holds
// calls until it opens.
class CountingClient final : public FakeClient {
 public:
  explicit CountingClient(FakeBehaviour& behaviour) : FakeClient(behaviour) {}

  StatusOr<DataKey> GenerateDataKey(
      std::string_view, uint32_t size, bool, const Context&,
      const std::optional<Registering>&) override {
    EXPECT_EQ(size, 32u);
    SR_ASSIGN_OR_RETURN(const uint32_t number, Enter());
    Bytes wrapped;
    AppendU32(&wrapped, number);
    return DataKey{DekOf(number), wrapped, 1};
  }
  StatusOr<Opened> Unwrap(ByteView wrapped, const Context&,
                          std::string_view key) override {
    SR_RETURN_IF_ERROR(Enter().status());
    return Opened{DekOf(wrapped[3]), std::string(key), 1};
  }

  static SecretBytes DekOf(uint32_t number) {
    return SecretBytes::CopyOf(Bytes(32, static_cast<uint8_t>(number)));
  }
  uint32_t calls() {
    MutexLock lock(mutex_);
    return calls_;
  }
  void Fail(Status failure) {
    MutexLock lock(mutex_);
    failure_ = std::move(failure);
  }
  void Shut() {
    MutexLock lock(mutex_);
    shut_ = true;
  }
  void OpenGate() {
    MutexLock lock(mutex_);
    shut_ = false;
    changed_.SignalAll();
  }
  void AwaitCalls(uint32_t count) {
    MutexLock lock(mutex_);
    while (calls_ < count) changed_.Wait(mutex_);
  }

 private:
  StatusOr<uint32_t> Enter() {
    MutexLock lock(mutex_);
    const uint32_t number = ++calls_;
    changed_.SignalAll();
    while (shut_) changed_.Wait(mutex_);
    SR_RETURN_IF_ERROR(failure_);
    return number;
  }

  Mutex mutex_;
  CondVar changed_;
  uint32_t calls_ SR_GUARDED_BY(mutex_) = 0;
  bool shut_ SR_GUARDED_BY(mutex_) = false;
  Status failure_ SR_GUARDED_BY(mutex_);
};

class DataKeyCacheTest : public ::testing::Test {
 protected:
  DataKeyCache::Held Seal(uint64_t bytes = 1, const Context& context = {},
                          std::string_view key = "a") {
    auto held = cache_.ForSealing(key, context, bytes);
    EXPECT_OK(held);
    return held.ok() ? *held : nullptr;
  }
  DataKeyCache::Held Open(const DataKey& of, const Context& context = {},
                          std::string_view key = "a") {
    auto held = cache_.ForOpening(of.wrapped_dek, context, key);
    EXPECT_OK(held);
    return held.ok() ? *held : nullptr;
  }

  FakeBehaviour behaviour_;
  CountingClient client_{behaviour_};
  FakeClock clock_;
  DataKeyCache cache_{
      client_,
      {.max_uses = 5, .max_bytes = 1000, .max_age = 60s, .max_entries = 6},
      clock_};
};

TEST_F(DataKeyCacheTest, OneCallServesManyObjectsUpToTheLimitOfUses) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Seal()->wrapped_dek[3], 1);
  EXPECT_EQ(Seal()->wrapped_dek[3], 2);
  EXPECT_EQ(client_.calls(), 2u);
}

TEST_F(DataKeyCacheTest, ADekSealsNoMoreBytesThanTheLimit) {
  EXPECT_EQ(Seal(600)->wrapped_dek[3], 1);
  EXPECT_EQ(Seal(400)->wrapped_dek[3], 1);
  EXPECT_EQ(Seal(1)->wrapped_dek[3], 2);
  EXPECT_EQ(Seal(1000)->wrapped_dek[3], 3);
  EXPECT_THAT(cache_.ForSealing("a", {}, 1001),
              HasReason(Reason::kArgumentInvalid, HasSubstr("1000")));
}

TEST_F(DataKeyCacheTest, AnOldDekNeitherSealsNorOpens) {
  const auto first = Seal();
  clock_.Advance(59s);
  EXPECT_EQ(Seal(), first);
  EXPECT_EQ(Open(*first), first);
  clock_.Advance(1s);
  EXPECT_NE(Seal(), first);
  EXPECT_EQ(client_.calls(), 2u);
  const auto opened = Open(*first);
  EXPECT_NE(opened, first);
  EXPECT_EQ(opened->dek, first->dek);
  EXPECT_EQ(client_.calls(), 3u);
}

TEST_F(DataKeyCacheTest, AgeCountsFromBeforeTheCall) {
  client_.Shut();
  std::thread caller([&] { Seal(); });
  client_.AwaitCalls(1);
  clock_.Advance(60s);
  client_.OpenGate();
  caller.join();
  Seal();
  EXPECT_EQ(client_.calls(), 2u);
}

TEST_F(DataKeyCacheTest, AWriterReadsWithoutACall) {
  const auto made = Seal();
  EXPECT_EQ(Open(*made), made);
  EXPECT_EQ(client_.calls(), 1u);
  // Also once it seals no more.
  for (int i = 0; i < 5; ++i) Seal();
  EXPECT_EQ(Open(*made), made);
  EXPECT_EQ(client_.calls(), 2u);
}

TEST_F(DataKeyCacheTest, AnotherKeyContextOrTokenIsAnotherEntry) {
  const auto made = Seal();
  EXPECT_NE(Seal(1, {}, "b"), made);
  EXPECT_NE(Seal(1, {{"object", "1"}}), made);
  EXPECT_EQ(client_.calls(), 3u);
  EXPECT_NE(Open(*made, {{"object", "1"}}), made);
  EXPECT_NE(Open(*made, {}, "b"), made) << "the service decides of that";
  EXPECT_NE(Open(*made, {}, ""), made);
  EXPECT_EQ(client_.calls(), 6u);
}

TEST_F(DataKeyCacheTest, TheOrderOfAContextsPairsMeansNothing) {
  const auto made = Seal(1, {{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(Seal(1, {{"b", "2"}, {"a", "1"}}), made);
  EXPECT_NE(Seal(1, {{"a", "2"}, {"b", "1"}}), made);
  EXPECT_THAT(cache_.ForSealing("a", {{"a", "1"}, {"a", "1"}}, 1),
              HasReason(Reason::kContextInvalid));
  EXPECT_THAT(cache_.ForOpening({}, {{"", "1"}}),
              HasReason(Reason::kContextInvalid));
}

TEST_F(DataKeyCacheTest, TheOldestLeavesWhenThereAreTooMany) {
  const auto first = Seal();
  for (const char* key : {"b", "c"}) {
    clock_.Advance(1s);
    Seal(1, {}, key);
  }
  EXPECT_EQ(Open(*first), first) << "six entries, two for each DEK";
  clock_.Advance(1s);
  Seal(1, {}, "d");
  EXPECT_NE(Seal(), first);
}

TEST_F(DataKeyCacheTest, ADekIsWipedWhenItLeavesAndNobodyHoldsIt) {
  const size_t before = GetSecretArenaStats().bytes_in_use;
  auto held = Seal();
  const size_t with = GetSecretArenaStats().bytes_in_use;
  EXPECT_GT(with, before);
  clock_.Advance(60s);
  cache_.DropOld();
  EXPECT_EQ(held->dek, CountingClient::DekOf(1)) << "still held";
  EXPECT_EQ(GetSecretArenaStats().bytes_in_use, with);
  held.reset();
  EXPECT_EQ(GetSecretArenaStats().bytes_in_use, before);
}

TEST_F(DataKeyCacheTest, AFailureIsNotKept) {
  client_.Fail(Error(Reason::kHsmUnavailable, "away"));
  EXPECT_THAT(cache_.ForSealing("a", {}, 1),
              HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(cache_.ForOpening(Bytes{0, 0, 0, 1}, {}),
              HasReason(Reason::kHsmUnavailable));
  client_.Fail(OkStatus());
  EXPECT_NE(Seal(), nullptr);
  EXPECT_EQ(client_.calls(), 3u);
}

TEST_F(DataKeyCacheTest, CallersAtOnceShareOneCallAndItsFailure) {
  for (const bool fails : {false, true}) {
    cache_.Clear();
    if (fails) client_.Fail(Error(Reason::kHsmUnavailable, "away"));
    const uint32_t before = client_.calls();
    client_.Shut();
    std::vector<std::thread> callers;
    Mutex mutex;
    std::set<std::string> answers;
    std::atomic<int> started = 0;
    for (int i = 0; i < 5; ++i) {
      callers.emplace_back([&] {
        ++started;
        const auto held = cache_.ForSealing("a", {}, 1);
        MutexLock lock(mutex);
        answers.insert(held.ok() ? ToHex((*held)->wrapped_dek)
                                 : std::string(held.status().message()));
      });
    }
    client_.AwaitCalls(before + 1);
    while (started < 5) std::this_thread::yield();
    client_.OpenGate();
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(answers.size(), 1u);
    // A caller that came after a failure asked for itself; after an answer it
    // found that.
    if (!fails) {
      EXPECT_EQ(client_.calls(), before + 1);
    }
  }
}

TEST_F(DataKeyCacheTest, WhatWasAskedForBeforeAClearIsNotKeptAfterIt) {
  client_.Shut();
  DataKeyCache::Held given;
  std::thread caller([&] { given = Seal(); });
  client_.AwaitCalls(1);
  cache_.Clear();
  client_.OpenGate();
  caller.join();
  ASSERT_NE(given, nullptr);
  EXPECT_NE(Seal(), given);
  EXPECT_NE(Open(*given), given);
}

TEST_F(DataKeyCacheTest, ManyThreadsStayWithinTheLimits) {
  constexpr int kThreads = 8, kEach = 300;
  Mutex mutex;
  std::map<Bytes, int> uses;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < kEach; ++n) {
        const std::string key(1, static_cast<char>('a' + (i + n) % 2));
        const auto held = cache_.ForSealing(key, {}, 10);
        ASSERT_OK(held);
        const auto opened = cache_.ForOpening((*held)->wrapped_dek, {}, key);
        ASSERT_OK(opened);
        EXPECT_EQ((*opened)->dek, (*held)->dek);
        if (n % 50 == 0) cache_.Clear();
        if (n % 7 == 0) clock_.Advance(10s);
        MutexLock lock(mutex);
        ++uses[(*held)->wrapped_dek];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int total = 0;
  for (const auto& [wrapped, count] : uses) {
    EXPECT_LE(count, 5);
    total += count;
  }
  EXPECT_EQ(total, kThreads * kEach);
}

}  // namespace
}  // namespace strongroom::client
