// FakeKeyService: answers as the test says, and remembers what it was asked.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/base/mutex.h"
#include "strongroom/service/key_service.h"
#include "strongroom/v1/key_admin.pb.h"

namespace strongroom::testing {

// FakeKeyService is thread-safe as the real one. What the test sets is set
// before calls come.
class FakeKeyService final : public service::KeyService {
 public:
  // What it answers each request with; by default an empty message, and to
  // WhoAmI who asks.
  std::function<StatusOr<service::RawAnswer>()> answer;
  // Called inside each request of a row that blocks.
  std::function<void()> during_blocking = [] {};

  // What it was asked.
  struct Seen {
    std::string rpc;
    Status caller_status;
    std::string caller;
    std::string subject;
    std::string door;
    std::string peer;
    std::string request_id;
    std::optional<SteadyTime> deadline;
    bool ask_cost;
    std::string request;
  };
  std::vector<Seen> calls() const {
    MutexLock lock(mutex_);
    return calls_;
  }
  std::vector<Status> refusals() const {
    MutexLock lock(mutex_);
    return refusals_;
  }

  void Serve(const service::Row& row, service::Call call,
             service::RawRequest request,
             service::Done<service::RawAnswer> done) override {
    const auto caller = Note(row, call, request);
    if (row.spec->blocks()) during_blocking();
    if (answer) return done(answer());
    if (row.spec->rpc != "WhoAmI") return done(service::RawAnswer());
    if (!caller.ok()) return done(caller.status());
    v1::WhoAmIResponse who;
    who.set_caller(caller->id());
    who.set_peer(caller->subject());
    done(AnswerOf(who));
  }
  Status Refuse(const service::Row& row, service::Call call,
                Status why) override {
    (void)Note(row, call, {});
    MutexLock lock(mutex_);
    refusals_.push_back(why);
    return why;
  }
  bool Drain(SteadyTime) override { return true; }

  static service::RawAnswer AnswerOf(
      const google::protobuf::MessageLite& message) {
    service::RawAnswer answer;
    answer.message = WipedBytes(message.ByteSizeLong());
    message.SerializeToArray(answer.message.data(),
                             static_cast<int>(answer.message.size()));
    return answer;
  }

 private:
  StatusOr<auth::Caller> Note(const service::Row& row,
                              const service::Call& call,
                              service::RawRequest request) {
    auto caller = authenticator_.Authenticate(call.credential);
    Seen seen{
        .rpc = std::string(row.spec->rpc),
        .caller_status = caller.status(),
        .caller = caller.ok() ? caller->id() : "",
        .subject = caller.ok() ? caller->subject() : "",
        .door = std::string(call.door),
        .peer = call.peer,
        .request_id = call.request_id,
        .deadline = call.deadline,
        .ask_cost = call.ask_cost,
        .request = {},
    };
    for (const MutableByteView& piece : request) seen.request += AsText(piece);
    MutexLock lock(mutex_);
    calls_.push_back(std::move(seen));
    return caller;
  }

  const auth::Authenticator authenticator_;
  mutable Mutex mutex_;
  std::vector<Seen> calls_ SR_GUARDED_BY(mutex_);
  std::vector<Status> refusals_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::testing
