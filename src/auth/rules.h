// Rules: a policy file, parsed.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key_pattern.h"
#include "strongroom/auth/policy.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"

namespace strongroom::auth {

// ActionSet holds actions as bits.
class ActionSet {
 public:
  void Add(Action action) { bits_ |= BitOf(action); }
  void Add(const ActionSet& other) { bits_ |= other.bits_; }
  bool Has(Action action) const { return (bits_ & BitOf(action)) != 0; }
  bool empty() const { return bits_ == 0; }

 private:
  static uint32_t BitOf(Action action) {
    return uint32_t{1} << static_cast<unsigned>(action);
  }
  uint32_t bits_ = 0;
};

struct Rule {
  std::string name;
  std::vector<std::string> who;  // as MakeIdentity writes them
  ActionSet may;
  std::vector<KeyPattern> keys;
  Labels labels;  // all must match

  // Grants: does the rule allow `action` on this key? Its callers are looked
  // up by the policy.
  bool Grants(Action action, const KeyFacts& key) const;
  // GrantsOnEverything: on every key there is or will be, and on the service.
  bool GrantsOnEverything(Action action) const;
  // ToText is for people: "payments: may wrap, unwrap on payments/**".
  std::string ToText() const;
};

struct PolicyFile {
  std::vector<Rule> rules;
  std::map<std::string, RateLimit, std::less<>> limits;  // by caller
};

// ParsePolicyFile reads a policy file; failures as Policy::Parse.
StatusOr<PolicyFile> ParsePolicyFile(std::string_view yaml,
                                     std::string_view origin);

}  // namespace strongroom::auth
