// A request's bytes to its model type, and an answer's back: what every row of
// the service's table of operations needs.
#pragma once

#include <google/protobuf/arena.h>

#include <type_traits>
#include <utility>
#include <vector>

#include "wire/batch.h"
#include "wire/bytes.h"
#include "wire/data.h"
#include "wire/fields.h"
#include "wire/key.h"
#include "wire/registered.h"
#include "wire/service.h"

namespace strongroom::wire {

// ReadRequest parses `bytes` as a Message and gives its model type; `compact`
// is what the request says of its answer's form. MALFORMED, and what Read of
// the message fails with.
template <typename Message, typename Request>
Status ReadRequest(Pieces bytes, Request* out, bool* compact) {
  google::protobuf::Arena arena;
  auto* message = google::protobuf::Arena::CreateMessage<Message>(&arena);
  const auto read = [&]() -> Status {
    if constexpr (BatchOfSecrets<Message>) {
      if (auto plain = TakePlainItems(bytes)) {
        SR_RETURN_IF_ERROR(ParseMessage(plain->rest, message));
        SR_ASSIGN_OR_RETURN(*out, Read(message));
        AddItems(&plain->secrets, out);
        return OkStatus();
      }
    }
    SR_RETURN_IF_ERROR(ParseMessage(bytes, message));
    if constexpr (requires { Read(message); }) {
      SR_ASSIGN_OR_RETURN(*out, Read(message));
    } else {
      StatusOr<Request> request = Read(std::as_const(*message));
      SR_RETURN_IF_ERROR(request.status());
      *out = *std::move(request);
    }
    return OkStatus();
  };
  const Status status = read();
  if constexpr (requires { message->compact(); }) *compact = message->compact();
  // Of a request that failed, and so kept its secrets.
  WipeSecrets(message);
  return status;
}

// WriteAnswer gives the bytes of a Message with this result. Fails as the one
// item of a unary form did.
template <typename Message, typename Result>
StatusOr<WipedBytes> WriteAnswer(const AnswerShape& shape,
                                 const Result& result) {
  if constexpr (requires(Message m) { m.add_headers(); }) {
    return WriteSealedItems(shape, result);
  } else {
    google::protobuf::Arena arena;
    auto* message = google::protobuf::Arena::CreateMessage<Message>(&arena);
    Status status;
    if constexpr (requires { Write(shape, result, message); }) {
      status = Write(shape, result, message);
    } else {
      Write(result, message);
    }
    WipedBytes bytes;
    if (status.ok()) bytes = SerializeMessage(*message);
    WipeSecrets(message);
    SR_RETURN_IF_ERROR(status);
    return bytes;
  }
}

}  // namespace strongroom::wire
