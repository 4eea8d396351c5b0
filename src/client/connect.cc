#include <charconv>

#include "client/credentials.h"
#include "client/grpc_client.h"
#include "client/wipe.h"

namespace strongroom::client {
namespace {

// Answers of lists and batches may be larger than gRPC's 4 MiB.
constexpr int kMaxAnswer = 64 << 20;

StatusOr<std::string> HostOf(const std::string& address) {
  size_t colon = address.rfind(':');
  int port = 0;
  if (colon != std::string::npos && colon > 0) {
    const char* end = address.data() + address.size();
    auto [stop, error] = std::from_chars(address.data() + colon + 1, end, port);
    if (error != std::errc() || stop != end) port = 0;
  }
  std::string host = address.substr(0, colon);
  bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  bool plain = host.find_first_of("/@[] ") == std::string::npos &&
               (bracketed || host.find(':') == std::string::npos);
  if (port >= 1 && port <= 65535 && plain) return host;
  return Error(Reason::kArgumentInvalid,
               "address is \"" + address +
                   "\"; want host:port, like kms.example.com:7443 or "
                   "[2001:db8::1]:7443");
}

Peer PeerOf(const Options& options, const std::string& host) {
  return {options.address, options.ca_file, options.cert_file,
          options.server_name.empty() ? host : options.server_name};
}

std::shared_ptr<grpc::ChannelCredentials> ToGrpc(Credentials files) {
  grpc::SslCredentialsOptions ssl;
  WipeGuard wipe([&] { WipeString(&ssl.pem_private_key); });
  ssl.pem_root_certs = std::move(files.ca);
  ssl.pem_cert_chain = std::move(files.cert);
  ssl.pem_private_key = std::string(AsText(files.key.Expose()));
  return grpc::SslCredentials(ssl);
}

grpc::ChannelArguments ChannelSettings(const Options& options) {
  grpc::ChannelArguments settings;
  settings.SetMaxReceiveMessageSize(kMaxAnswer);
  settings.SetUserAgentPrefix("strongroom-client");
  // A key service is spoken to directly, whatever http_proxy says.
  settings.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!options.server_name.empty()) {
    settings.SetSslTargetNameOverride(options.server_name);
  }
  return settings;
}

}  // namespace

GrpcClient::GrpcClient(std::shared_ptr<grpc::Channel> channel,
                       const Options& options, Waiting waiting)
    : peer_(PeerOf(options, HostOf(options.address).value_or(options.address))),
      timeout_(options.timeout),
      max_attempts_(options.max_attempts),
      waiting_(std::move(waiting)),
      data_(v1::KeyService::NewStub(channel)),
      admin_(v1::KeyAdmin::NewStub(channel)) {}

StatusOr<std::unique_ptr<Client>> ConnectWith(const Options& options,
                                              Waiting waiting) {
  SR_RETURN_IF_ERROR(HostOf(options.address).status());
  SR_ASSIGN_OR_RETURN(Credentials files,
                      ReadCredentials(options, waiting.clock.Now()));
  // "dns:///" also takes literal addresses, and keeps an address from naming
  // another of gRPC's schemes.
  std::shared_ptr<grpc::Channel> channel = grpc::CreateCustomChannel(
      "dns:///" + options.address, ToGrpc(std::move(files)),
      ChannelSettings(options));
  std::unique_ptr<Client> client = std::make_unique<GrpcClient>(
      std::move(channel), options, std::move(waiting));
  return client;
}

StatusOr<std::unique_ptr<Client>> Client::Connect(const Options& options) {
  return ConnectWith(options, Waiting::System());
}

}  // namespace strongroom::client
