#include "load/operation.h"

#include <google/protobuf/arena.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <functional>
#include <utility>
#include <vector>

#include "strongroom/base/random.h"
#include "strongroom/bench/v1/echo.pb.h"
#include "strongroom/v1/key_service.pb.h"

namespace strongroom::load {
namespace {

// A pool of so many different requests is gone through in turn.
constexpr uint32_t kRequests = 64;

constexpr uint32_t One(const std::string& field) { return !field.empty(); }

uint32_t GoodItems(const v1::WrapResponse& r) { return One(r.wrapped_dek()); }
uint32_t GoodItems(const v1::UnwrapResponse& r) { return One(r.dek()); }
uint32_t GoodItems(const v1::EncryptResponse& r) { return One(r.ciphertext()); }
uint32_t GoodItems(const v1::GenerateDataKeyResponse& r) {
  return One(r.wrapped_dek());
}
uint32_t GoodItems(const bench::v1::EchoResponse&) { return 1; }

template <typename Response>
uint32_t CountItems(const Response& response) {
  uint32_t good = 0;
  for (const auto& item : response.items()) good += item.status().code() == 0;
  return good;
}
uint32_t GoodItems(const v1::BatchWrapResponse& r) { return CountItems(r); }
uint32_t GoodItems(const v1::BatchUnwrapResponse& r) { return CountItems(r); }

template <typename Message, typename Response>
class Rpc final : public Operation {
 public:
  Rpc(std::string method, uint32_t items, std::vector<Message> requests)
      : method_(std::move(method)),
        items_(items),
        requests_(std::move(requests)) {}

  const std::string& method(uint64_t) const override { return method_; }
  uint32_t items() const override { return items_; }

  grpc::ByteBuffer Encode(uint64_t n) const override {
    grpc::ByteBuffer bytes;
    bool own = false;
    grpc::SerializationTraits<Message>::Serialize(
        requests_[n % requests_.size()], &bytes, &own);
    return bytes;
  }

  uint32_t CountGood(uint64_t, grpc::ByteBuffer* answer) const override {
    google::protobuf::Arena arena;
    auto* response = google::protobuf::Arena::CreateMessage<Response>(&arena);
    if (!grpc::SerializationTraits<Response>::Deserialize(answer, response)
             .ok()) {
      return 0;
    }
    return GoodItems(*response);
  }

 private:
  const std::string method_;
  const uint32_t items_;
  const std::vector<Message> requests_;
};

// Mixed takes its parts in turn, as often as each occurs.
class Mixed final : public Operation {
 public:
  explicit Mixed(std::vector<std::shared_ptr<const Operation>> parts)
      : parts_(std::move(parts)) {}
  const std::string& method(uint64_t n) const override {
    return At(n).method(n);
  }
  grpc::ByteBuffer Encode(uint64_t n) const override { return At(n).Encode(n); }
  uint32_t items() const override { return 1; }
  uint32_t CountGood(uint64_t n, grpc::ByteBuffer* answer) const override {
    return At(n).CountGood(n, answer);
  }

 private:
  const Operation& At(uint64_t n) const { return *parts_[n % parts_.size()]; }
  const std::vector<std::shared_ptr<const Operation>> parts_;
};

using Made = StatusOr<std::shared_ptr<const Operation>>;

std::string Method(const char* name) {
  return std::string("/strongroom.v1.KeyService/") + name;
}

// These DEKs protect nothing, so they may lie in ordinary memory.
std::string RandomText(uint32_t size) {
  std::string text(size, '\0');
  FillRandom({reinterpret_cast<uint8_t*>(text.data()), text.size()});
  return text;
}

std::string KeyOf(const WorkloadOptions& options, uint32_t n) {
  if (options.keys <= 1) return options.key;
  return options.key + "/" + std::to_string(n % options.keys);
}

// FillEach makes the pool by `fill(message, number)`.
template <typename Message, typename Fill>
std::vector<Message> FillEach(uint32_t count, Fill fill) {
  std::vector<Message> messages(count);
  for (uint32_t i = 0; i < count; ++i) fill(&messages[i], i);
  return messages;
}

uint32_t PoolSize(const WorkloadOptions& options) {
  return std::max(kRequests, options.keys);
}

Made MakeWrap(const WorkloadOptions& options, client::Client&) {
  return std::make_shared<Rpc<v1::WrapRequest, v1::WrapResponse>>(
      Method("Wrap"), 1,
      FillEach<v1::WrapRequest>(PoolSize(options), [&](auto* request, auto n) {
        request->set_name(KeyOf(options, n));
        request->set_dek(RandomText(options.size));
      }));
}

Made MakeDataKey(const WorkloadOptions& options, client::Client&) {
  return std::make_shared<
      Rpc<v1::GenerateDataKeyRequest, v1::GenerateDataKeyResponse>>(
      Method("GenerateDataKey"), 1,
      FillEach<v1::GenerateDataKeyRequest>(
          PoolSize(options), [&](auto* request, auto n) {
            request->set_name(KeyOf(options, n));
            request->set_dek_bytes(options.size);
          }));
}

Made MakeEncrypt(const WorkloadOptions& options, client::Client&) {
  return std::make_shared<Rpc<v1::EncryptRequest, v1::EncryptResponse>>(
      Method("Encrypt"), 1,
      FillEach<v1::EncryptRequest>(
          PoolSize(options), [&](auto* request, auto n) {
            request->set_name(KeyOf(options, n));
            request->set_plaintext(RandomText(options.size));
          }));
}

Made MakeBatchWrapOf(const WorkloadOptions& options, bool compact) {
  constexpr uint32_t kPool = 8;
  return std::make_shared<Rpc<v1::BatchWrapRequest, v1::BatchWrapResponse>>(
      Method("BatchWrap"), options.items,
      FillEach<v1::BatchWrapRequest>(
          std::max(kPool, options.keys), [&](auto* request, auto n) {
            request->set_name(KeyOf(options, n));
            request->set_compact(compact);
            for (uint32_t i = 0; i < options.items; ++i) {
              request->add_items()->set_dek(RandomText(options.size));
            }
          }));
}
Made MakeBatchWrap(const WorkloadOptions& options, client::Client&) {
  return MakeBatchWrapOf(options, true);
}
Made MakeBatchWrapPlain(const WorkloadOptions& options, client::Client&) {
  return MakeBatchWrapOf(options, false);
}

// WrapTogether gives `count` wrapped DEKs that share headers.
StatusOr<std::vector<std::string>> WrapTogether(const WorkloadOptions& options,
                                                client::Client& client,
                                                uint32_t count) {
  std::vector<SecretBytes> deks(count);
  for (SecretBytes& dek : deks) {
    dek = SecretBytes(options.size);
    FillRandom(dek.ExposeMutable());
  }
  SR_ASSIGN_OR_RETURN(auto sealed,
                      client.BatchWrap(KeyOf(options, 0), deks, {}));
  std::vector<std::string> tokens;
  for (auto& item : sealed) {
    SR_RETURN_IF_ERROR(item.status());
    tokens.emplace_back(AsText(item->token));
  }
  return tokens;
}

Made MakeUnwrapOf(std::vector<std::string> tokens) {
  return std::make_shared<Rpc<v1::UnwrapRequest, v1::UnwrapResponse>>(
      Method("Unwrap"), 1,
      FillEach<v1::UnwrapRequest>(
          static_cast<uint32_t>(tokens.size()), [&](auto* request, auto n) {
            request->set_wrapped_dek(std::move(tokens[n]));
          }));
}

Made MakeUnwrap(const WorkloadOptions& options, client::Client& client) {
  SR_ASSIGN_OR_RETURN(auto tokens, WrapTogether(options, client, kRequests));
  return MakeUnwrapOf(std::move(tokens));
}

Made MakeUnwrapRandom(const WorkloadOptions& options, client::Client& client) {
  std::vector<std::string> tokens;
  for (uint32_t i = 0; i < options.batches; ++i) {
    SecretBytes dek(options.size);
    FillRandom(dek.ExposeMutable());
    SR_ASSIGN_OR_RETURN(client::Sealed sealed,
                        client.Wrap(KeyOf(options, i), dek, {}));
    tokens.emplace_back(AsText(sealed.token));
  }
  return MakeUnwrapOf(std::move(tokens));
}

Made MakeBatchUnwrap(const WorkloadOptions& options, client::Client& client) {
  SR_ASSIGN_OR_RETURN(auto tokens,
                      WrapTogether(options, client, options.items));
  std::vector<v1::BatchUnwrapRequest> requests(1);
  for (std::string& token : tokens) {
    requests[0].add_items()->set_wrapped_dek(std::move(token));
  }
  return std::make_shared<Rpc<v1::BatchUnwrapRequest, v1::BatchUnwrapResponse>>(
      Method("BatchUnwrap"), options.items, std::move(requests));
}

// What many callers of envelope encryption do: read more than write.
Made MakeMixed(const WorkloadOptions& options, client::Client& client) {
  SR_ASSIGN_OR_RETURN(auto wrap, MakeWrap(options, client));
  SR_ASSIGN_OR_RETURN(auto unwrap, MakeUnwrapRandom(options, client));
  SR_ASSIGN_OR_RETURN(auto data_key, MakeDataKey(options, client));
  return std::make_shared<Mixed>(std::vector<std::shared_ptr<const Operation>>{
      unwrap, wrap, unwrap, data_key, unwrap, wrap, unwrap, unwrap, wrap,
      data_key});
}

Made MakeEcho(const WorkloadOptions& options, client::Client&) {
  return std::make_shared<Rpc<bench::v1::EchoRequest, bench::v1::EchoResponse>>(
      "/strongroom.bench.v1.Echo/Echo", 1,
      FillEach<bench::v1::EchoRequest>(kRequests, [&](auto* request, auto) {
        request->set_payload(RandomText(options.size));
        request->set_answer_bytes(options.answer);
      }));
}

struct Row {
  const char* name;
  const char* help;
  Made (*make)(const WorkloadOptions&, client::Client&);
  bool uses_keys;
};

constexpr Row kRows[] = {
    {"wrap", "Wrap one DEK", MakeWrap, true},
    {"unwrap", "Unwrap one DEK; all of one batch (hot)", MakeUnwrap, true},
    {"unwrap-random", "Unwrap one DEK; each of another batch", MakeUnwrapRandom,
     true},
    {"datakey", "GenerateDataKey", MakeDataKey, true},
    {"encrypt", "Encrypt --size bytes", MakeEncrypt, true},
    {"batch-wrap", "BatchWrap --items DEKs, compact answer", MakeBatchWrap,
     true},
    {"batch-wrap-plain", "BatchWrap --items DEKs, complete tokens",
     MakeBatchWrapPlain, true},
    {"batch-unwrap", "BatchUnwrap --items DEKs of one batch", MakeBatchUnwrap,
     true},
    {"mixed", "5 unwrap-random, 3 wrap, 2 datakey", MakeMixed, true},
    {"echo", "an RPC that does nothing (strongroomd_echo)", MakeEcho, false},
};

Status CreateKeys(const WorkloadOptions& options, client::Client& client) {
  for (uint32_t i = 0; i < std::max(options.keys, 1u); ++i) {
    auto created = client.CreateKey(KeyOf(options, i), {});
    if (created.ok() || ReasonOf(created.status()) == Reason::kKeyExists) {
      continue;
    }
    return created.status();
  }
  return OkStatus();
}

}  // namespace

std::string WorkloadHelp() {
  std::string help;
  for (const Row& row : kRows) {
    std::string name = row.name;
    name.resize(18, ' ');
    help += "  " + name + row.help + "\n";
  }
  return help;
}

StatusOr<std::shared_ptr<const Operation>> MakeOperation(
    const WorkloadOptions& options, client::Client& client) {
  for (const Row& row : kRows) {
    if (options.name != row.name) continue;
    if (row.uses_keys) SR_RETURN_IF_ERROR(CreateKeys(options, client));
    return row.make(options, client);
  }
  return Error(
      Reason::kArgumentInvalid,
      "workload is \"" + options.name + "\"; want one of\n" + WorkloadHelp());
}

}  // namespace strongroom::load
