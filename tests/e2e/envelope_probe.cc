// The envelope of the C++ client without a service, for other implementations
// to read and to be read by: a token is "T1:" and the DEK.
//
// One JSON object per line in, one out: {"op": "seal", "plain": hex,
// "chunk_log2": n, "detached": bool} gives "body" and "side"; {"op": "open",
// "body": hex, "side": hex} gives "plain", or "reason".
#include <iostream>
#include <nlohmann/json.hpp>

#include "strongroom/client/files.h"
#include "tests/cli/fake_client.h"

namespace strongroom {
namespace {

using Json = nlohmann::json;

client::Source From(Bytes bytes) {
  auto left = std::make_shared<Bytes>(std::move(bytes));
  auto at = std::make_shared<size_t>(0);
  return [=](MutableByteView out) -> StatusOr<size_t> {
    const size_t size = std::min(out.size(), left->size() - *at);
    std::copy_n(left->begin() + static_cast<std::ptrdiff_t>(*at), size,
                out.begin());
    *at += size;
    return size;
  };
}

client::Sink Into(Bytes* out) {
  return [out](ByteView bytes) {
    Append(out, bytes);
    return OkStatus();
  };
}

Bytes HexOf(const Json& request, const char* field) {
  return FromHex(request.value(field, "")).value_or(Bytes());
}

Json Answer(client::Client& client, const Json& request) {
  client::FileOptions options;
  options.chunk_log2 = request.value("chunk_log2", 16);
  options.threads = 2;
  Bytes body, side, plain;
  if (request.at("op") == "seal") {
    const client::Sink side_sink = Into(&side);
    const auto sealed =
        client::FileSealer(client, "a", options)
            .Seal(From(HexOf(request, "plain")), Into(&body),
                  request.value("detached", false) ? &side_sink : nullptr);
    if (!sealed.ok()) {
      return {{"reason", std::string(ReasonName(ReasonOf(sealed.status())))}};
    }
    return {{"body", ToHex(body)}, {"side", ToHex(side)}};
  }
  const Bytes given_side = HexOf(request, "side");
  const client::Source side_source = From(given_side);
  const auto opened = client::FileOpener(client, options)
                          .Open(From(HexOf(request, "body")), Into(&plain),
                                given_side.empty() ? nullptr : &side_source);
  if (!opened.ok()) {
    return {{"reason", std::string(ReasonName(ReasonOf(opened.status())))}};
  }
  return {{"plain", ToHex(plain)}};
}

}  // namespace
}  // namespace strongroom

int main() {
  strongroom::testing::FakeBehaviour behaviour;
  strongroom::testing::FakeClient client(behaviour);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << strongroom::Answer(client, strongroom::Json::parse(line))
              << std::endl;
  }
}
