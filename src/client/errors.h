// What a gRPC failure means to a caller of Strongroom.
#pragma once

#include <string>

#include "grpcpp/support/status.h"
#include "strongroom/base/status.h"
#include "strongroom/v1/key_service.pb.h"

namespace strongroom::client {

// Peer is what messages about the connection name.
struct Peer {
  std::string address;
  std::string ca_file;
  std::string cert_file;
  std::string server_name;  // the name expected of the certificate
};

struct Failure {
  Status status;
  // The same request may succeed later as it is. False for handshakes that
  // fail for what the two sides are, and will fail again.
  bool transient = false;
};

// Interpret takes a status that is not OK. Its reason is the one the service
// sent; a status from gRPC itself gets the closest one.
Failure Interpret(const grpc::Status& status, const Peer& peer);

// ItemFailure gives the outcome of one item of a batch; OK for code 0.
Status ItemFailure(const v1::ItemStatus& item);

}  // namespace strongroom::client
