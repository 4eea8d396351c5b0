#include <cstddef>
#include <cstdint>

#include "strongroom/auth/caller.h"
#include "strongroom/auth/policy.h"
#include "strongroom/base/bytes.h"
#include "tests/fuzz/check.h"

using strongroom::Labels;
using strongroom::Reason;
using strongroom::auth::Action;
using strongroom::auth::Authenticator;
using strongroom::auth::PeerCertificate;
using strongroom::auth::Policy;
using strongroom::fuzz::Require;
using strongroom::fuzz::RequireRefusal;

// A policy parses or is refused as configuration; what it says is yes or
// PERMISSION_DENIED, for every key.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto policy =
      Policy::Parse(strongroom::AsText({data, size}), "fuzz.yaml");
  if (!policy.ok()) {
    RequireRefusal(policy.status(), Reason::kConfigInvalid);
    return 0;
  }
  PeerCertificate peer;
  peer.verified = true;
  peer.common_name = "app";
  const auto caller = Authenticator().Authenticate(peer);
  Require(caller.ok(), "the caller is one");
  const Labels labels = {{"env", "prod"}};
  for (const char* name : {"", "payments/cards", "a/b/c/d", "x"}) {
    const auto permit = (*policy)->Check(*caller, Action::kUnwrap,
                                         {.name = name, .labels = &labels});
    if (!permit.ok()) {
      RequireRefusal(permit.status(), Reason::kPermissionDenied);
    } else {
      Require(permit->key_name() == name, "the permit is for what was asked");
      Require(!(*policy)->GrantsOf(*caller).empty(), "somebody granted it");
    }
  }
  return 0;
}
