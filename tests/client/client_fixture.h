// A client of a FakeService in this process, with time that tests move.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "client/grpc_client.h"
#include "tests/client/fake_service.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace strongroom::testing {

class ClientTest : public ::testing::Test {
 protected:
  using Milliseconds = std::chrono::milliseconds;

  ClientTest() { Reconnect({}); }

  // Reconnect makes the client anew with these options.
  void Reconnect(client::Options options) {
    options.address = "kms.test:7443";
    client_ = std::make_unique<client::GrpcClient>(service_.InProcess(),
                                                   options, Wait());
  }
  // Wait sleeps by moving the clock; the random fraction is 1/2.
  client::Waiting Wait() {
    return {clock_,
            [this](Milliseconds delay) {
              slept_.push_back(delay);
              clock_.Advance(delay);
            },
            [] { return 0.5; }};
  }

  FakeClock clock_;
  std::vector<Milliseconds> slept_;
  FakeService service_;
  std::unique_ptr<client::Client> client_;
};

}  // namespace strongroom::testing
