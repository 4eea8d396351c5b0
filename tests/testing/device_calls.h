// Device's asynchronous calls, waited for; and KEKs ready for use.
#pragma once

#include <future>
#include <memory>
#include <utility>

#include "strongroom/hsm/device.h"

namespace strongroom::testing {

// Far enough for every device, near enough that a lost callback ends the test.
inline SteadyTime InOneMinute() {
  return Clock::System().Steady() + std::chrono::minutes(1);
}

inline hsm::SealAnswer SealOnce(hsm::Device& device, const Uuid& kek,
                                ByteView aad, ByteView secret,
                                SteadyTime deadline = InOneMinute()) {
  auto promise = std::make_shared<std::promise<hsm::SealAnswer>>();
  std::future<hsm::SealAnswer> future = promise->get_future();
  // A second callback makes set_value throw, and the test end: "exactly once".
  device.Seal(kek, aad, secret, deadline, [promise](hsm::SealAnswer r) {
    promise->set_value(std::move(r));
  });
  return future.get();
}

// SealNow asks again after MAY_HAVE_SEALED, as the owners of KEKs do.
inline StatusOr<Bytes> SealNow(hsm::Device& device, const Uuid& kek,
                               ByteView aad, ByteView secret,
                               SteadyTime deadline = InOneMinute()) {
  hsm::SealRetries retries;
  for (;;) {
    hsm::SealAnswer answer = SealOnce(device, kek, aad, secret, deadline);
    if (!retries.Take(answer)) return std::move(answer.sealed);
  }
}

inline StatusOr<SecretBytes> OpenNow(hsm::Device& device, const Uuid& kek,
                                     ByteView aad, ByteView sealed,
                                     SteadyTime deadline = InOneMinute()) {
  auto promise = std::make_shared<std::promise<StatusOr<SecretBytes>>>();
  std::future<StatusOr<SecretBytes>> future = promise->get_future();
  device.Open(kek, aad, sealed, deadline, [promise](StatusOr<SecretBytes> r) {
    promise->set_value(std::move(r));
  });
  return future.get();
}

// MakeKek does what an owner of KEKs does: create, seal a known answer, adopt.
inline StatusOr<hsm::KekReference> MakeKek(hsm::Device& device,
                                           std::string_view label = "test") {
  hsm::KekReference kek;
  kek.id = Uuid::Random();
  SR_RETURN_IF_ERROR(device.CreateKek(kek.id, label));
  kek.known_answer.aad = ToBytes(AsBytes("known answer"));
  SR_ASSIGN_OR_RETURN(
      kek.known_answer.sealed,
      SealNow(device, kek.id, kek.known_answer.aad, Bytes(32, 0x5a)));
  device.Adopt(kek);
  return kek;
}

}  // namespace strongroom::testing
