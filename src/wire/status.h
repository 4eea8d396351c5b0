// Failures on the wire: google.rpc details, and ItemStatus.
#pragma once

#include <string>
#include <string_view>

#include "google/rpc/error_details.pb.h"
#include "strongroom/base/status.h"
#include "strongroom/v1/key_service.pb.h"

namespace strongroom::wire {

// ToRpcStatus gives code, message and details of a failure: ErrorInfo (reason,
// domain "strongroom", request id) and RetryInfo where waiting helps. The
// message of a fault of ours (INTERNAL, DATA_LOSS) stays in the log: the caller
// gets the reason and the request id that finds it there.
google::rpc::Status ToRpcStatus(const Status& status,
                                std::string_view request_id);

// Write is the same for one item of a batch. OK leaves it empty.
void Write(const Status& status, std::string_view request_id,
           v1::ItemStatus* item);

// WireMessage is the text that leaves the process: UTF-8 and at most 1 KiB, as
// it travels twice in headers that clients bound to 8 KiB.
std::string WireMessage(const Status& status, std::string_view request_id);

}  // namespace strongroom::wire
