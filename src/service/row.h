// MakeRow: an operation with its messages.
#pragma once

#include <string>
#include <utility>

#include "service/desk.h"
#include "service/limits.h"
#include "wire/request.h"

namespace strongroom::service {

template <const auto& kOperation, typename In, typename Out>
void ServeRow(Desk& desk, Call call, RawRequest raw, Done<RawAnswer> done) {
  using Type = std::remove_cvref_t<decltype(kOperation)>;
  using Result = typename Type::ResultType;
  typename Type::CommandType command;
  bool wiped = false;
  desk.pipeline().Run<Result>(
      kOperation.spec, std::move(call),
      [&](const Resolver& resolver, Request& request) -> StatusOr<Target> {
        SR_RETURN_IF_ERROR(CheckSize(kOperation.spec, wire::SizeOf(raw)));
        const Status read =
            wire::ReadRequest<In>(raw, &command, &request.compact);
        // Nobody reads the bytes again; the work may take its time.
        wire::Wipe(raw);
        wiped = true;
        SR_RETURN_IF_ERROR(read);
        return kOperation.resolve(resolver, request, command);
      },
      [&](std::shared_ptr<Request> request, Done<Result> finish) {
        Handle(kOperation, std::move(request), std::move(command),
               std::move(finish));
      },
      [done = std::move(done)](const Request& request,
                               StatusOr<Result> result) {
        if (!result.ok()) return done(result.status());
        RawAnswer answer;
        if constexpr (requires { result->cost; }) answer.cost = result->cost;
        StatusOr<WipedBytes> message = wire::WriteAnswer<Out>(
            {request.compact, request.call.request_id}, *result);
        if (!message.ok()) return done(message.status());
        answer.message = *std::move(message);
        done(std::move(answer));
      });
  // Of a request that was refused before it was read.
  if (!wiped) wire::Wipe(raw);
}

template <const auto& kOperation, typename In, typename Out>
constexpr Row MakeRow() {
  return {&kOperation.spec, &ServeRow<kOperation, In, Out>};
}

}  // namespace strongroom::service
