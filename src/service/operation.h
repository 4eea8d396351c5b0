// Operation: what an operation is, in the model's types: a row of the table
// without its translation.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "service/request.h"
#include "strongroom/model/requests.h"

namespace strongroom::service {

// A handler is given its proof, and has no other way to one:
//   auth::Permit   for the key that the request names, or for the service
//   Owners         for the keys that its tokens name, each judged
//   VisibleKeys    the keys that the caller may see
//   Oneself        who asks
// Exactly one of `handle` (blocks: Admin and View) and `begin` (calls `finish`
// exactly once, on any thread: Unary and Batch) is set.
template <typename Command, typename Result, typename Proof = auth::Permit>
struct Operation {
  using CommandType = Command;
  using ResultType = Result;

  OperationSpec spec;
  // Says what the request is about, without looking at any key.
  StatusOr<Target> (*resolve)(const Resolver&, Request&, Command&);
  StatusOr<Result> (*handle)(const Proof&, Request&, const Command&) = nullptr;
  void (*begin)(const Proof&, std::shared_ptr<Request>, Command,
                Done<Result> finish) = nullptr;
};

// Handle gives the work to the operation's handler, with the proof that it
// asks for. INTERNAL if its target left the policy out.
template <typename Command, typename Result, typename Proof>
void Handle(const Operation<Command, Result, Proof>& operation,
            std::shared_ptr<Request> request, Command command,
            Done<Result> finish) {
  Request& r = *request;
  const auto go = [&](const Proof& proof) {
    if (operation.begin != nullptr) {
      operation.begin(proof, std::move(request), std::move(command),
                      std::move(finish));
    } else {
      finish(operation.handle(proof, r, command));
    }
  };
  if constexpr (std::is_same_v<Proof, auth::Permit>) {
    const auth::Permit* permit = r.permit();
    if (permit != nullptr) return go(*permit);
    finish(Error(Reason::kInternal,
                 std::string(r.spec.rpc) + " was not authorised"));
  } else if constexpr (std::is_same_v<Proof, Owners>) {
    go(r.owners());
  } else if constexpr (std::is_same_v<Proof, VisibleKeys>) {
    go(r.visible_keys());
  } else {
    static_assert(std::is_same_v<Proof, Oneself>);
    go(r.oneself());
  }
}

// Targets of operations whose request says no more than what it is about.

// The key of command.name. A malformed name is recorded as it came, too.
template <typename Command>
StatusOr<Target> NamedKey(const Resolver&, Request& request, Command& command) {
  request.record.key = command.name;
  Target target;
  SR_ASSIGN_OR_RETURN(target.name, KeyName::Parse(command.name));
  return target;
}

template <typename Command>
StatusOr<Target> WholeService(const Resolver&, Request&, Command&) {
  Target target;
  target.scope = Target::Scope::kService;
  return target;
}

template <typename Command>
StatusOr<Target> CallerAlone(const Resolver&, Request&, Command&) {
  Target target;
  target.scope = Target::Scope::kCaller;
  return target;
}

}  // namespace strongroom::service
