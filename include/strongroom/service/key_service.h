// KeyService: the one desk behind all doors. Every request takes the one
// pipeline: admit > authenticate > resolve > authorise > do > record > answer.
//
// A door brings a request's bytes to a row, with what it knows of who asks, and
// takes the answer's bytes away; it decides nothing. An answer is given only
// after its audit record was written; if it cannot be, the result is wiped and
// the answer is AUDIT_UNAVAILABLE.
// Thread rule: thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/auth/caller.h"
#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/wiped_bytes.h"
#include "strongroom/model/cost.h"
#include "strongroom/model/service_status.h"
#include "strongroom/service/operation.h"

namespace strongroom {
class Metrics;
namespace audit {
class AuditLog;
}
namespace auth {
class PolicySource;
}
namespace batching {
class Engine;
}
namespace hsm {
class Device;
}
namespace keyring {
class Keyring;
}
namespace registry {
class Jobs;
class Registry;
}  // namespace registry
}  // namespace strongroom

namespace strongroom::service {

// Call is what a door knows of a request beside its body.
struct Call {
  // Who asks, as far as the door knows; the pipeline finds out.
  auth::Credential credential{};
  std::string_view door{};               // one of ServiceParts::doors
  std::string peer{};                    // address, for the record
  std::string request_id{};              // made by the door; in every failure
  std::optional<SteadyTime> deadline{};  // the client's; clamped by the row
  bool ask_cost = false;                 // the client wants to know the cost
};

// RawRequest is a request's message, in pieces. They are wiped when they were
// read or refused, at the latest when Serve returns.
using RawRequest = std::span<const MutableByteView>;
struct RawAnswer {
  WipedBytes message{};
  // There if the call asked for it and the policy permits it.
  std::optional<model::Cost> cost{};
};

template <typename Result>
using Done = std::function<void(StatusOr<Result>)>;

// Row is one operation, with its handler and its translation: all that a door
// needs to serve it.
class Desk;
struct Row {
  const OperationSpec* spec;
  void (*serve)(Desk& desk, Call call, RawRequest request,
                Done<RawAnswer> done);
};
// AllRows gives each operation once. They live for ever.
std::vector<const Row*> AllRows();

class KeyService {
 public:
  virtual ~KeyService() = default;

  // Serve takes a request through the pipeline. `done` runs exactly once: on
  // any thread, or before Serve returns if the row blocks.
  virtual void Serve(const Row& row, Call call, RawRequest request,
                     Done<RawAnswer> done) = 0;
  // Refuse is the pipeline for a request that a door cannot serve: it is
  // recorded and answered with `why`.
  virtual Status Refuse(const Row& row, Call call, Status why) = 0;

  // Drain refuses new requests (DRAINING) and waits for those inside: true if
  // none is left by `until`.
  virtual bool Drain(SteadyTime until) = 0;
};

struct ServiceParts {
  const auth::Authenticator& authenticator;
  keyring::Keyring& keyring;
  registry::Registry& registry;
  registry::Jobs& jobs;
  batching::Engine& engine;
  hsm::Device& device;
  auth::PolicySource& policy;
  audit::AuditLog& audit;
  const Clock& clock;
  Metrics& metrics;
  model::ServerFacts facts{};
  // Their names, as records and metrics say them.
  std::vector<std::string_view> doors{};
};
std::unique_ptr<KeyService> CreateKeyService(ServiceParts parts);

}  // namespace strongroom::service
