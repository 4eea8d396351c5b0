// The ledger of seals (NIST SP 800-38D) against a token that loses sessions:
// the engine counts at least as many seals as the token is asked for.
#include <gmock/gmock.h>

#include <future>
#include <thread>
#include <vector>

#include "strongroom/batching/engine.h"
#include "tests/fault/fault_fixture.h"

namespace strongroom::testing {
namespace {

// CountingKek names one KEK and counts as the keyring does.
class CountingKek final : public batching::KekSource {
 public:
  explicit CountingKek(const Uuid& kek) : kek_(kek) {}
  StatusOr<batching::KekRef> Primary(const Uuid& key_id) override {
    return batching::KekRef{.key_id = key_id,
                            .version = 1,
                            .kek = kek_,
                            .policy = {.max_items = 1}};
  }
  StatusOr<batching::KekRef> ForSeal(const Uuid& key_id) override {
    counted_.fetch_add(1);
    return Primary(key_id);
  }
  StatusOr<batching::KekRef> ForOpen(const Uuid& key_id, uint32_t) override {
    return Primary(key_id);
  }
  bool SealIsCurrent(const batching::KekRef&) override { return true; }
  uint64_t counted() const { return counted_.load(); }

 private:
  const Uuid kek_;
  std::atomic<uint64_t> counted_{0};
};

class LedgerFault : public FaultTest {
 protected:
  // Wrap gives the status of one item that the engine seals.
  Status Wrap(batching::Engine& engine) {
    auto request = std::make_unique<batching::SealRequest>();
    request->caller = "anna";
    request->deadline = deadline();
    request->key_id = key_id_;
    request->items.resize(1);
    request->items[0].secret = SecretBytes::CopyOf(secret_);
    std::promise<Status> done;
    request->done = [&](std::unique_ptr<batching::SealRequest> back) {
      done.set_value(back->items[0].status);
    };
    engine.Seal(std::move(request));
    return done.get_future().get();
  }
  uint64_t SealsOnToken() const {
    // Whatever the shim answered, the token may have sealed.
    return shim_.Calls("C_Encrypt");
  }

  const Uuid key_id_ = Uuid::Random();
};

TEST_F(LedgerFault, EverySealThatTheTokenMayHaveMadeIsCounted) {
  Open(/*workers=*/3);
  CountingKek kek(kek_.id);
  batching::Engine engine(*device_, kek, clock(), NullMetrics(), {});
  // Init and seal fail now and then, before and after the token sealed.
  shim_.Direct(
      "fail C_Encrypt CKR_SESSION_HANDLE_INVALID at=5 count=1 after\n"
      "fail C_Encrypt CKR_USER_NOT_LOGGED_IN at=17 count=2 after\n"
      "fail C_EncryptInit CKR_KEY_HANDLE_INVALID at=29 count=1\n"
      "fail C_Encrypt CKR_SESSION_CLOSED at=41 count=3\n"
      "fail C_Encrypt CKR_FUNCTION_FAILED at=57 count=2 after\n");
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 40; ++n) {
        if (!Wrap(engine).ok()) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(kek.counted(), SealsOnToken());
  EXPECT_GT(kek.counted(), 120u) << "lost seals are counted beside the others";
  EXPECT_LE(failed.load(), 5) << "most losses are got over";
}

TEST_F(LedgerFault, NoCallerOfTheEngineNoticesALossBetweenCalls) {
  Open(/*workers=*/2);
  CountingKek kek(kek_.id);
  batching::Engine engine(*device_, kek, clock(), NullMetrics(), {});
  for (const char* loss :
       {"drop-sessions except-oldest\n", "logout\n", "drop-sessions\n"}) {
    shim_.Direct(loss);
    EXPECT_OK(Wrap(engine)) << loss;
    EXPECT_OK(Wrap(engine)) << loss;
    shim_.Direct("");
  }
  EXPECT_GE(kek.counted(), SealsOnToken());
}

}  // namespace
}  // namespace strongroom::testing
