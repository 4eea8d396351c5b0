// probe: a gRPC client for the end-to-end tests, steered line by line.
//
//   probe --address HOST:PORT --ca FILE [--cert FILE --key FILE] [--threads N]
//
// Each line of standard input is one call, as JSON:
//   {"id": 1, "method": "KeyService/Wrap", "request": {...}, "timeout_ms":
//   9000}
// and is answered by one line on standard output, in the order calls end:
//   {"id": 1, "code": "OK", "response": {...}}
//   {"id": 1, "code": "NOT_FOUND", "reason": "...", "message": "...",
//    "retry_ms": 10}
// Requests and responses are protobuf's JSON. With "raw" (base64) in the place
// of "request", bytes go and come as they are, to any method named in full;
// with "stream" true as one message each way of a stream. "zeros" (a number of
// bytes) in the place of "raw" is that many; "gzip" true compresses a request.
#include <google/protobuf/util/json_util.h>
#include <google/rpc/error_details.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/v1/key_admin.pb.h"
#include "strongroom/v1/key_service.pb.h"

namespace strongroom::testing {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;
using nlohmann::json;

constexpr int kDefaultTimeoutMs = 60'000;

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "probe: %s\n", what.c_str());
  std::exit(2);
}

std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Die("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string CodeName(grpc::StatusCode code) {
  static const char* const kNames[] = {
      "OK",
      "CANCELLED",
      "UNKNOWN",
      "INVALID_ARGUMENT",
      "DEADLINE_EXCEEDED",
      "NOT_FOUND",
      "ALREADY_EXISTS",
      "PERMISSION_DENIED",
      "RESOURCE_EXHAUSTED",
      "FAILED_PRECONDITION",
      "ABORTED",
      "OUT_OF_RANGE",
      "UNIMPLEMENTED",
      "INTERNAL",
      "UNAVAILABLE",
      "DATA_LOSS",
      "UNAUTHENTICATED",
  };
  return kNames[static_cast<int>(code)];
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string FromBuffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return "";
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

std::unique_ptr<Message> NewMessage(
    const google::protobuf::Descriptor* descriptor) {
  return std::unique_ptr<Message>(
      MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
}

void AddStatus(const grpc::Status& status, json* answer) {
  (*answer)["code"] = CodeName(status.error_code());
  if (status.ok()) return;
  (*answer)["message"] = status.error_message();
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return;
  for (const google::protobuf::Any& any : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&info)) {
      (*answer)["reason"] = info.reason();
      (*answer)["domain"] = info.domain();
    } else if (any.UnpackTo(&retry)) {
      (*answer)["retry_ms"] = retry.retry_delay().seconds() * 1000 +
                              retry.retry_delay().nanos() / 1'000'000;
    }
  }
}

// Caller makes one call at a time: each thread has its own.
class Caller {
 public:
  explicit Caller(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(channel) {}

  json Run(const json& command) {
    json answer = {{"id", command.at("id")}};
    std::string method = command.at("method");
    if (command.contains("raw") || command.contains("zeros")) {
      RunRaw(command, "/" + method, &answer);
    } else {
      RunTyped(command, method, &answer);
    }
    return answer;
  }

 private:
  void RunRaw(const json& command, const std::string& path, json* answer) {
    std::string response;
    grpc::Status status =
        Exchange(command, path, RawRequest(command), &response);
    AddStatus(status, answer);
    (*answer)["raw"] = ToBase64(AsBytes(response));
  }

  static std::string RawRequest(const json& command) {
    if (command.contains("zeros")) {
      return std::string(command.at("zeros").get<size_t>(), '\0');
    }
    auto raw = FromBase64(command.at("raw").get<std::string>());
    if (!raw.has_value()) Die("\"raw\" is not base64");
    return std::string(raw->begin(), raw->end());
  }

  void RunTyped(const json& command, std::string method, json* answer) {
    std::string path = "/strongroom.v1." + method;
    method.replace(method.find('/'), 1, ".");
    const MethodDescriptor* descriptor =
        DescriptorPool::generated_pool()->FindMethodByName("strongroom.v1." +
                                                           method);
    if (descriptor == nullptr) Die("no method " + method);
    auto request = NewMessage(descriptor->input_type());
    auto parsed = google::protobuf::util::JsonStringToMessage(
        command.at("request").dump(), request.get());
    if (!parsed.ok()) Die(method + ": " + parsed.ToString());
    std::string bytes;
    grpc::Status status =
        Exchange(command, path, request->SerializeAsString(), &bytes);
    AddStatus(status, answer);
    if (!status.ok()) return;
    auto response = NewMessage(descriptor->output_type());
    if (!response->ParseFromString(bytes)) Die(method + ": bad answer");
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    options.always_print_primitive_fields = true;
    std::string text;
    if (!google::protobuf::util::MessageToJsonString(*response, &text, options)
             .ok()) {
      Die(method + ": the answer has no JSON");
    }
    (*answer)["response"] = json::parse(text);
  }

  grpc::Status Exchange(const json& command, const std::string& path,
                        const std::string& request, std::string* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::milliseconds(
                             command.value("timeout_ms", kDefaultTimeoutMs)));
    if (command.value("gzip", false)) {
      context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    }
    grpc::ByteBuffer out = ToBuffer(request);
    grpc::ByteBuffer in;
    grpc::Status status = command.value("stream", false)
                              ? Stream(&context, path, out, &in)
                              : Unary(&context, path, out, &in);
    if (status.ok()) *response = FromBuffer(in);
    return status;
  }

  grpc::Status Unary(grpc::ClientContext* context, const std::string& path,
                     const grpc::ByteBuffer& out, grpc::ByteBuffer* in) {
    auto call = stub_.PrepareUnaryCall(context, path, out, &queue_);
    call->StartCall();
    grpc::Status status;
    call->Finish(in, &status, nullptr);
    Wait();
    return status;
  }

  grpc::Status Stream(grpc::ClientContext* context, const std::string& path,
                      const grpc::ByteBuffer& out, grpc::ByteBuffer* in) {
    auto call = stub_.PrepareCall(context, path, &queue_);
    call->StartCall(nullptr);
    bool good = Wait();
    if (good) {
      call->Write(out, nullptr);
      good = Wait();
    }
    if (good) {
      call->Read(in, nullptr);
      good = Wait();
    }
    if (good) {
      call->WritesDone(nullptr);
      Wait();
    }
    grpc::Status status;
    call->Finish(&status, nullptr);
    Wait();
    return status;
  }

  // Wait gives whether the one thing begun on the queue succeeded.
  bool Wait() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
};

// Lines is the queue between standard input and the threads.
class Lines {
 public:
  void Push(std::string line) {
    std::lock_guard<std::mutex> lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_one();
  }
  void End() {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  bool Pop(std::string* line) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return ended_ || !lines_.empty(); });
    if (lines_.empty()) return false;
    *line = std::move(lines_.front());
    lines_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  bool ended_ = false;
};

std::shared_ptr<grpc::Channel> Connect(
    const std::map<std::string, std::string>& options) {
  auto option = [&](const char* name) {
    auto it = options.find(name);
    return it == options.end() ? std::string() : it->second;
  };
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = Slurp(option("--ca"));
  if (!option("--cert").empty()) {
    tls.pem_cert_chain = Slurp(option("--cert"));
    tls.pem_private_key = Slurp(option("--key"));
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // The answer of the service is what is tested: nothing is tried again.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomChannel(option("--address"),
                                   grpc::SslCredentials(tls), arguments);
}

int Main(int argc, char** argv) {
  // Named, so that the linker keeps what FindMethodByName looks through.
  v1::WrapRequest::descriptor();
  v1::CreateKeyRequest::descriptor();
  std::map<std::string, std::string> options;
  for (int i = 1; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  auto channel = Connect(options);
  int threads =
      std::atoi(options.emplace("--threads", "8").first->second.c_str());

  Lines lines;
  std::mutex output;
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([&] {
      Caller caller(channel);
      std::string line;
      while (lines.Pop(&line)) {
        std::string answer = caller.Run(json::parse(line)).dump() + "\n";
        std::lock_guard<std::mutex> lock(output);
        std::fwrite(answer.data(), 1, answer.size(), stdout);
        std::fflush(stdout);
      }
    });
  }
  std::string line;
  while (std::getline(std::cin, line)) lines.Push(line);
  lines.End();
  for (std::thread& worker : workers) worker.join();
  return 0;
}

}  // namespace
}  // namespace strongroom::testing

int main(int argc, char** argv) {
  return strongroom::testing::Main(argc, argv);
}
