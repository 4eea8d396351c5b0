// One exchange, written once for every row: bytes in, bytes out.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <string>

#include "edge/request_ids.h"
#include "edge/worker_pool.h"
#include "strongroom/base/clock.h"
#include "strongroom/service/key_service.h"

namespace strongroom::rpc {

// Door is what every exchange needs; it outlives them all.
struct Door {
  service::KeyService& service;
  const Clock& clock;
  edge::WorkerPool workers;  // for rows that block
  edge::RequestIds ids;
};

// Exchange is one request and its answer.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  // Start serves a request by this row, and gives the reactor that will finish
  // when it is answered: on any thread, perhaps before Start returns.
  static grpc::ServerUnaryReactor* Start(Door& door, const service::Row& row,
                                         grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response);

  Exchange(Door& door, const service::Row& row,
           grpc::CallbackServerContext* context,
           const grpc::ByteBuffer* request, grpc::ByteBuffer* response);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

 private:
  void Serve();
  // MakeCall gives what the service is told of the request.
  service::Call MakeCall() const;
  // Answer ends it, and is called once.
  void Answer(StatusOr<service::RawAnswer> answer);

  Door& door_;
  const service::Row& row_;
  grpc::CallbackServerContext* const context_;
  grpc::ServerUnaryReactor* const reactor_;
  const grpc::ByteBuffer* const request_;
  grpc::ByteBuffer* const response_;
  const std::string request_id_;
};

}  // namespace strongroom::rpc
