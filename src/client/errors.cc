#include "client/errors.h"

#include <chrono>
#include <optional>
#include <string_view>

#include "google/rpc/error_details.pb.h"

namespace strongroom::client {
namespace {

// What the service attached to a failure.
struct Details {
  std::string reason;
  std::optional<std::chrono::milliseconds> retry_after;
};

Details DetailsOf(const grpc::Status& status) {
  Details details;
  google::rpc::Status wire;
  if (!wire.ParseFromString(status.error_details())) return details;
  for (const google::protobuf::Any& any : wire.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&info) && info.domain() == "strongroom") {
      details.reason = info.reason();
    } else if (any.UnpackTo(&retry) && retry.retry_delay().seconds() >= 0) {
      details.retry_after =
          std::chrono::seconds(retry.retry_delay().seconds()) +
          std::chrono::milliseconds(retry.retry_delay().nanos() / 1'000'000);
    }
  }
  return details;
}

// ClosestReason is for a status that brought no reason this build knows.
Reason ClosestReason(StatusCode code) {
  switch (code) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kOutOfRange:
      return Reason::kArgumentInvalid;
    case StatusCode::kUnauthenticated:
      return Reason::kUnauthenticated;
    case StatusCode::kPermissionDenied:
      return Reason::kPermissionDenied;
    case StatusCode::kNotFound:
      return Reason::kKeyNotFound;
    case StatusCode::kAlreadyExists:
      return Reason::kKeyExists;
    case StatusCode::kFailedPrecondition:
      return Reason::kVersionState;
    case StatusCode::kAborted:
      return Reason::kConflict;
    case StatusCode::kResourceExhausted:
      return Reason::kQueueFull;
    case StatusCode::kUnavailable:
      return Reason::kServerUnreachable;
    case StatusCode::kDeadlineExceeded:
      return Reason::kDeadlineExceeded;
    case StatusCode::kCancelled:
      return Reason::kCancelled;
    case StatusCode::kUnimplemented:
      return Reason::kUnimplemented;
    default:
      return Reason::kInternal;
  }
}

Status Named(StatusCode code, std::string_view name, std::string message,
             std::optional<std::chrono::milliseconds> retry_after) {
  std::optional<Reason> known = ReasonFromName(name);
  std::string prefix = std::string(name) + ": ";
  bool has_prefix = message.compare(0, prefix.size(), prefix) == 0;
  if (known.has_value() && has_prefix) {
    message.erase(0, prefix.size());
  } else if (!known.has_value() && !has_prefix && !name.empty()) {
    // A reason of a later service: shown, since the code alone says less.
    message.insert(0, prefix);
  }
  Reason reason = known.value_or(ClosestReason(code));
  if (retry_after.has_value()) return Error(reason, message, *retry_after);
  return Error(reason, message);
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Trouble is a pattern of gRPC's text for a connection that failed.
struct Trouble {
  const char* pattern;
  bool transient;
  const char* what;
};

// In order: the first that occurs decides. The texts are those of gRPC 1.51 and
// OpenSSL; an unknown text is passed on as it is.
constexpr Trouble kTroubles[] = {
    {"is not in peer certificate", false,
     "its certificate is not for the name {name}: connect by a name that is in "
     "the certificate, or set STRONGROOM_SERVER_NAME to one"},
    {"CERTIFICATE_VERIFY_FAILED", false,
     "its certificate was not accepted: it is expired, or not signed by the CA "
     "in {ca} (STRONGROOM_CA)"},
    {"certificate verify failed", false,
     "its certificate was not accepted: it is expired, or not signed by the CA "
     "in {ca} (STRONGROOM_CA)"},
    {"alert", false,
     "it refused our certificate {cert} (STRONGROOM_CERT): the certificate "
     "must be signed by the CA that the service trusts for clients"},
    {"WRONG_VERSION_NUMBER", false,
     "what answers there does not speak TLS: check the port"},
    {"wrong version number", false,
     "what answers there does not speak TLS: check the port"},
    {"Ssl handshake failed", true,
     "the TLS handshake failed: check that {ca} (STRONGROOM_CA) is the "
     "service's CA and {cert} (STRONGROOM_CERT) a certificate it accepts"},
    {"Connection refused", true,
     "the connection was refused: is strongroomd running, and is this its "
     "address (STRONGROOM_ADDR)?"},
    {"DNS resolution failed", true,
     "the name could not be resolved: check STRONGROOM_ADDR"},
    {"No route to host", true, "there is no route to this host"},
    {"Network is unreachable", true, "there is no route to this network"},
    {"Timeout occurred", true,
     "nothing answers there: check the address and firewalls between"},
    {"FD shutdown", true,
     "nothing answers there: check the address and firewalls between"},
    {"Connection reset by peer", true,
     "the connection was closed at once: the service may have stopped, or not "
     "accept our certificate {cert} (STRONGROOM_CERT)"},
    {"Socket closed", true,
     "the connection was closed: the service may have stopped, or not accept "
     "our certificate {cert} (STRONGROOM_CERT)"},
    {"GOAWAY", true, "the service closed the connection while stopping"},
};

std::string Fill(std::string text, const Peer& peer) {
  auto replace = [&](std::string_view mark, const std::string& with) {
    size_t at = text.find(mark);
    if (at != std::string::npos) text.replace(at, mark.size(), with);
  };
  replace("{name}", peer.server_name);
  replace("{ca}", peer.ca_file);
  replace("{cert}", peer.cert_file);
  return text;
}

Failure Unreachable(const grpc::Status& status, const Peer& peer) {
  const std::string& text = status.error_message();
  std::string intro = "no connection to " + peer.address + ": ";
  for (const Trouble& trouble : kTroubles) {
    if (!Contains(text, trouble.pattern)) continue;
    return {Error(Reason::kServerUnreachable,
                  intro + Fill(trouble.what, peer) + " (" + text + ")"),
            trouble.transient};
  }
  return {Error(Reason::kServerUnreachable,
                intro + text +
                    "; check the address, and that strongroomd is running"),
          true};
}

// FromGrpcItself handles what the service never saw or never answered.
Failure FromGrpcItself(const grpc::Status& status, const Peer& peer) {
  auto code = static_cast<StatusCode>(status.error_code());
  const std::string& text = status.error_message();
  switch (code) {
    case StatusCode::kUnavailable:
      return Unreachable(status, peer);
    case StatusCode::kCancelled:
      // We cancel nothing: gRPC on the other side dropped a call that came
      // while it was closing, before the service saw it.
      return {Error(Reason::kServerUnreachable,
                    "the service at " + peer.address +
                        " ended the call without an answer: it is stopping; "
                        "try again"),
              true};
    case StatusCode::kDeadlineExceeded:
      return {Error(Reason::kDeadlineExceeded,
                    "no answer from " + peer.address +
                        " in the time given; check the service's health, or "
                        "give more time"),
              false};
    case StatusCode::kUnimplemented:
      return {Error(Reason::kUnimplemented,
                    "the service at " + peer.address +
                        " does not know this call: it is older than this "
                        "client, or not strongroomd (" +
                        text + ")"),
              false};
    case StatusCode::kResourceExhausted:
      if (!Contains(text, "larger than max")) break;
      return {Error(Reason::kRequestTooLarge,
                    "request or answer is larger than a message may be (" +
                        text + "); split it"),
              false};
    default:
      break;
  }
  return {Error(ClosestReason(code), text.empty() ? "no message" : text),
          code == StatusCode::kResourceExhausted};
}

}  // namespace

Failure Interpret(const grpc::Status& status, const Peer& peer) {
  Details details = DetailsOf(status);
  if (details.reason.empty()) return FromGrpcItself(status, peer);
  Failure failure;
  // absl's codes and gRPC's are the same numbers by design.
  failure.status =
      Named(static_cast<StatusCode>(status.error_code()), details.reason,
            status.error_message(), details.retry_after);
  failure.transient = failure.status.code() == StatusCode::kUnavailable ||
                      failure.status.code() == StatusCode::kResourceExhausted;
  return failure;
}

Status ItemFailure(const v1::ItemStatus& item) {
  if (item.code() == 0) return OkStatus();
  return Named(static_cast<StatusCode>(item.code()), item.reason(),
               item.message(), std::nullopt);
}

}  // namespace strongroom::client
