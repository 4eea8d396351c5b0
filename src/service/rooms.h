// Rooms: the parts of the house that do the work, each opened by a permit.
#pragma once

#include <utility>
#include <vector>

#include "strongroom/audit/audit_log.h"
#include "strongroom/auth/policy.h"
#include "strongroom/base/metrics.h"
#include "strongroom/batching/engine.h"
#include "strongroom/hsm/device.h"
#include "strongroom/keyring/keyring.h"
#include "strongroom/registry/jobs.h"
#include "strongroom/registry/registry.h"
#include "strongroom/service/key_service.h"

namespace strongroom::service {

class Owners;

// Rooms is thread-safe. A handler has no other way to these parts, and none to
// a permit but the pipeline's. Which key it may touch is what the permit says.
class Rooms {
 public:
  explicit Rooms(ServiceParts parts) : parts_(std::move(parts)) {}

  keyring::Keyring& keyring(const auth::Permit&) const {
    return parts_.keyring;
  }
  registry::Registry& registry(const auth::Permit&) const {
    return parts_.registry;
  }
  registry::Jobs& jobs(const auth::Permit&) const { return parts_.jobs; }
  batching::Engine& engine(const auth::Permit&) const { return parts_.engine; }
  hsm::Device& device(const auth::Permit&) const { return parts_.device; }
  const model::ServerFacts& facts(const auth::Permit&) const {
    return parts_.facts;
  }

  // Tokens name their keys themselves, and each fails alone: the set has what
  // was said of each of them.
  batching::Engine& engine(const Owners&) const { return parts_.engine; }
  keyring::Keyring& keyring(const Owners&) const { return parts_.keyring; }

 private:
  friend class Pipeline;
  friend class Resolver;
  const ServiceParts parts_;
};

// Resolver finds out which key a request is about, before anybody is asked
// whether it may be. What it gives away is for the pipeline alone.
class Resolver {
 public:
  explicit Resolver(const Rooms& rooms) : rooms_(rooms) {}

  // DEK_SHREDDED.
  Status CheckNotShredded(const registry::DekId& id) const {
    return rooms_.parts_.registry.CheckNotShredded(id);
  }
  StatusOr<std::vector<registry::Held>> Find(
      const std::vector<registry::DekId>& ids) const {
    return rooms_.parts_.registry.Find(ids);
  }

 private:
  const Rooms& rooms_;
};

}  // namespace strongroom::service
