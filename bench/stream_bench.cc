// What a stream would save: an echo as a message of a stream, beside an echo as
// a call of its own, both by strongroomd_echo over mutual TLS, four
// connections, 64 under way, the sizes of a Wrap.
//
// usage: stream_bench echo|stream SECONDS   with the environment of the clients
// Prints JSON: how many in a second, and this program's processor time for
// each.
#include <grpcpp/grpcpp.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/base/files.h"
#include "strongroom/base/mutex.h"
#include "strongroom/bench/v1/echo.grpc.pb.h"

namespace strongroom::bench {
namespace {

constexpr int kConnections = 4;
constexpr int kUnderWay = 16;  // on each

v1::EchoRequest RequestLikeAWrap() {
  v1::EchoRequest request;
  request.set_payload(std::string(64, 'r'));
  request.set_answer_bytes(163);
  return request;
}

// Tally is what all calls share.
struct Tally {
  std::atomic<uint64_t> answers{0};
  std::atomic<bool> over{false};
  Mutex mutex;
  CondVar ended;
  int under_way SR_GUARDED_BY(mutex) = 0;

  void Begin() {
    MutexLock lock(mutex);
    ++under_way;
  }
  void End() {
    MutexLock lock(mutex);
    if (--under_way == 0) ended.Signal();
  }
  void AwaitAll() {
    MutexLock lock(mutex);
    while (under_way > 0) ended.Wait(mutex);
  }
};

// Unary sends the next call when one is answered.
class Unary {
 public:
  Unary(v1::Echo::Stub& stub, Tally& tally) : stub_(stub), tally_(tally) {
    tally_.Begin();
    Send();
  }

 private:
  void Send() {
    context_ = std::make_unique<grpc::ClientContext>();
    stub_.async()->Echo(context_.get(), &request_, &response_,
                        [this](const grpc::Status& status) {
                          if (status.ok()) ++tally_.answers;
                          if (status.ok() && !tally_.over) return Send();
                          tally_.End();
                        });
  }

  v1::Echo::Stub& stub_;
  Tally& tally_;
  const v1::EchoRequest request_ = RequestLikeAWrap();
  v1::EchoResponse response_;
  std::unique_ptr<grpc::ClientContext> context_;
};

// Stream keeps kUnderWay messages under way.
class Stream final
    : public grpc::ClientBidiReactor<v1::EchoRequest, v1::EchoResponse> {
 public:
  Stream(v1::Echo::Stub& stub, Tally& tally) : tally_(tally) {
    tally_.Begin();
    stub.async()->Stream(&context_, this);
    StartRead(&response_);
    StartCall();
    GoOn();
  }
  void OnWriteDone(bool) override {
    {
      MutexLock lock(mutex_);
      writing_ = false;
    }
    GoOn();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    ++tally_.answers;
    {
      MutexLock lock(mutex_);
      ++to_send_;
    }
    StartRead(&response_);
    GoOn();
  }
  void OnDone(const grpc::Status&) override { tally_.End(); }

 private:
  void GoOn() {
    bool close = false;
    {
      MutexLock lock(mutex_);
      if (writing_ || closed_) return;
      if (tally_.over) {
        close = closed_ = true;
      } else if (to_send_ == 0) {
        return;
      } else {
        --to_send_;
        writing_ = true;
      }
    }
    if (close) {
      StartWritesDone();
    } else {
      StartWrite(&request_);
    }
  }

  Tally& tally_;
  const v1::EchoRequest request_ = RequestLikeAWrap();
  v1::EchoResponse response_;
  grpc::ClientContext context_;
  Mutex mutex_;
  bool writing_ SR_GUARDED_BY(mutex_) = false;
  bool closed_ SR_GUARDED_BY(mutex_) = false;
  int to_send_ SR_GUARDED_BY(mutex_) = kUnderWay;
};

std::string FileOf(const char* variable) {
  const char* path = std::getenv(variable);
  StatusOr<std::string> text = ReadFile(path == nullptr ? "" : path);
  return text.ok() ? *text : "";
}

std::vector<std::unique_ptr<v1::Echo::Stub>> Connect() {
  const auto credentials =
      grpc::SslCredentials({FileOf("STRONGROOM_CA"), FileOf("STRONGROOM_KEY"),
                            FileOf("STRONGROOM_CERT")});
  grpc::ChannelArguments settings;
  settings.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const char* address = std::getenv("STRONGROOM_ADDR");
  std::vector<std::unique_ptr<v1::Echo::Stub>> stubs;
  for (int i = 0; i < kConnections; ++i) {
    auto channel = grpc::CreateCustomChannel(address == nullptr ? "" : address,
                                             credentials, settings);
    if (!channel->WaitForConnected(std::chrono::system_clock::now() +
                                   std::chrono::seconds(10))) {
      return {};
    }
    stubs.push_back(v1::Echo::NewStub(channel));
  }
  return stubs;
}

double CpuSeconds() {
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

int Measure(bool as_stream, double seconds) {
  const auto stubs = Connect();
  if (stubs.empty()) {
    std::fputs("stream_bench: no connection to STRONGROOM_ADDR\n", stderr);
    return 1;
  }
  Tally tally;
  std::vector<std::unique_ptr<Unary>> calls;
  std::vector<std::unique_ptr<Stream>> streams;
  const double cpu = CpuSeconds();
  for (const auto& stub : stubs) {
    if (as_stream) streams.push_back(std::make_unique<Stream>(*stub, tally));
    for (int i = 0; i < kUnderWay && !as_stream; ++i) {
      calls.push_back(std::make_unique<Unary>(*stub, tally));
    }
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  const auto answers = static_cast<double>(tally.answers.load());
  const double used = CpuSeconds() - cpu;
  tally.over = true;
  tally.AwaitAll();
  if (answers == 0) {
    std::fputs("stream_bench: no answer; want a strongroomd_echo\n", stderr);
    return 1;
  }
  std::printf("{\"requests_per_s\": %.1f, \"client_us\": %.2f}\n",
              answers / seconds, 1e6 * used / answers);
  return 0;
}

}  // namespace
}  // namespace strongroom::bench

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return strongroom::bench::Measure(std::string(argv[1]) == "stream",
                                    std::atof(argv[2]));
}
