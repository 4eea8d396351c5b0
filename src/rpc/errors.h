// Failures on the wire: grpc::Status with google.rpc details, and ItemStatus.
#pragma once

#include <grpcpp/support/status.h>

#include <string_view>

#include "strongroom/base/status.h"
#include "strongroom/v1/key_service.pb.h"

namespace strongroom::rpc {

// ToGrpcStatus gives code, message and details: ErrorInfo (reason, domain
// "strongroom", request id) and RetryInfo where waiting helps. The message of
// a fault of ours (INTERNAL, DATA_LOSS) stays in the log: the caller gets the
// reason and the request id that finds it there.
grpc::Status ToGrpcStatus(const Status& status, std::string_view request_id);

// FillItemStatus is the same for one item of a batch. OK leaves it empty.
void FillItemStatus(const Status& status, std::string_view request_id,
                    v1::ItemStatus* item);

// WireMessage is the text that leaves the process: UTF-8 and at most 1 KiB, as
// it travels twice in headers that clients bound to 8 KiB.
std::string WireMessage(const Status& status, std::string_view request_id);

}  // namespace strongroom::rpc
