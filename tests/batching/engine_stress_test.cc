// Many threads, real workers, faults: what must hold whatever the order is.
#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>
#include <thread>
#include <tuple>

#include "tests/batching/engine_rig.h"

namespace strongroom::batching {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::strongroom::testing::FakeOperation;

constexpr int kThreads = 4;

template <typename Request>
void WaitFor(const AnswerPtr<Request>& answer) {
  while (!answer->done()) std::this_thread::yield();
}

void OnThreads(const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(body, t);
  for (std::thread& thread : threads) thread.join();
}

// Nonces are (salt, index) under a batch key; a batch id names its key.
TEST(EngineStressTest, NoNonceComesTwiceUnderOneBatchKey) {
  EngineRig rig(EngineRig::Threads(4));
  const Uuid plain = rig.keks.AddKey({.max_items = 7});
  const Uuid window =
      rig.keks.AddKey({.max_items = 50, .max_age = seconds(60)});
  std::vector<std::vector<envelope::Token>> tokens(kThreads);
  OnThreads([&](int t) {
    std::mt19937 random(t);
    for (int i = 0; i < 150; ++i) {
      const Uuid& key = i % 2 == 0 ? plain : window;
      auto answer = rig.Seal(key, 1 + random() % 12);
      if (i % 20 == 19) rig.engine->EndWindows(window);
      WaitFor(answer);
      for (const SealItem& item : answer->items()) {
        ASSERT_OK(item.status);
        tokens[t].push_back(EngineRig::TokenOf(item));
      }
    }
  });
  std::set<std::pair<Uuid, uint32_t>> indices;
  std::map<Uuid, Bytes> headers;
  size_t count = 0;
  for (const auto& of_thread : tokens) {
    for (const envelope::Token& token : of_thread) {
      ++count;
      const Uuid& batch = token.header.batch_id;
      // Stronger than (salt, index): the index alone never comes again.
      EXPECT_TRUE(indices.insert({batch, token.leaf.index}).second);
      const Bytes& header =
          headers.try_emplace(batch, token.header.sealed).first->second;
      EXPECT_EQ(header, token.header.sealed);
    }
  }
  EXPECT_GT(count, 3000u);
  EXPECT_EQ(indices.size(), count);
}

TEST(EngineStressTest, EveryRequestIsDoneOnceAndRightWhateverFails) {
  // Outlives all copies of it: see OwnCopy in core.cc.
  const Status fault = Error(Reason::kHsmUnavailable, "fault");
  EngineRig rig(EngineRig::Threads(3));
  std::vector<Uuid> keys;
  for (uint32_t i = 0; i < 3; ++i) {
    keys.push_back(rig.keks.AddKey({.max_items = 1 + 4 * i}));
  }
  keys.push_back(
      rig.keks.AddKey({.max_items = 20, .max_age = milliseconds(5)}));
  std::atomic<int> wrong{0};
  OnThreads([&](int t) {
    std::mt19937 random(100 + t);
    const std::string caller(1, static_cast<char>('a' + t));
    for (int i = 0; i < 120; ++i) {
      const Uuid& key = keys[random() % keys.size()];
      if (random() % 10 == 0) {
        rig.device.FailNext(
            random() % 2 == 0 ? FakeOperation::kSeal : FakeOperation::kOpen,
            fault, 1, testing::FakeDevice::Moment::kAfterEffect);
      }
      if (random() % 30 == 0) {
        rig.keks.Rotate(key);
        rig.engine->EndWindows(key);
      }
      if (random() % 10 == 0) {
        rig.clock.Advance(milliseconds(1));
        rig.engine->RunDue();
      }
      auto sealed = rig.Seal(key, random() % 20, caller);
      WaitFor(sealed);
      std::vector<envelope::Token> tokens;
      std::vector<uint8_t> want;
      for (size_t n = 0; n < sealed->items().size(); ++n) {
        if (!sealed->status(n).ok()) continue;
        tokens.push_back(EngineRig::TokenOf(sealed->items()[n]));
        want.push_back(static_cast<uint8_t>(n));
      }
      std::vector<envelope::Header> headers;
      for (const auto& token : tokens) headers.push_back(token.header);
      auto rewrapped = rig.Rewrap(headers, caller);
      WaitFor(rewrapped);
      for (size_t n = 0; n < tokens.size(); ++n) {
        tokens[n].header = rewrapped->items()[n].header;
      }
      auto opened = rig.Open(tokens, caller);
      WaitFor(opened);
      for (size_t n = 0; n < tokens.size(); ++n) {
        const Status& status = opened->status(n);
        if (status.ok() ? ToBytes(opened->items()[n].secret.Expose()) !=
                              Bytes(32, want[n])
                        : ReasonOf(status) != Reason::kHsmUnavailable) {
          ++wrong;
        }
      }
      if (sealed->times != 1 || rewrapped->times != 1 || opened->times != 1) {
        ++wrong;
      }
    }
  });
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(rig.engine->Stats().queued_items, 0u);
  EXPECT_TRUE(rig.engine->Shutdown(rig.clock.Steady() + seconds(60)));
}

TEST(EngineStressTest, ShutdownUnderLoadAnswersEveryRequestOnce) {
  for (int round = 0; round < 20; ++round) {
    EngineRig rig(EngineRig::Threads(2));
    const Uuid key = rig.keks.AddKey({.max_items = 3});
    const Uuid window = rig.keks.AddKey({.max_age = seconds(1)});
    const auto token = [&] {
      auto answer = rig.Seal(key);
      WaitFor(answer);
      return EngineRig::TokenOf(answer->items()[0]);
    }();
    rig.keks.Rotate(key);
    std::atomic<int> submitted{0};
    std::atomic<int> answered{0};
    auto count = [&](auto) { answered.fetch_add(1); };
    std::thread closer([&] {
      while (submitted.load() < 50) std::this_thread::yield();
      // In every other round there is no time to end anything.
      rig.engine->Shutdown(rig.clock.Steady() + seconds(round % 2 * 60));
      EXPECT_GE(answered.load(), 1);
    });
    OnThreads([&](int t) {
      for (int i = 0; i < 60; ++i) {
        auto seal = rig.NewSeal(i % 3 == 0 ? window : key, 4);
        seal->done = count;
        rig.engine->Seal(std::move(seal));
        auto open = rig.NewOpen({token}, std::to_string(t));
        open->done = count;
        rig.engine->Open(std::move(open));
        auto rewrap = std::make_unique<RewrapRequest>();
        rewrap->deadline = rig.clock.Steady() + seconds(5);
        rewrap->items.emplace_back().header = token.header;
        rewrap->done = count;
        rig.engine->Rewrap(std::move(rewrap));
        submitted.fetch_add(3);
      }
    });
    closer.join();
    EXPECT_EQ(answered.load(), submitted.load());
    rig.engine.reset();
  }
}

}  // namespace
}  // namespace strongroom::batching
