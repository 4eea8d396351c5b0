#include "strongroom/auth/policy.h"

#include <map>
#include <utility>

#include "auth/rules.h"

namespace strongroom::auth {
namespace {

Status Denied(const Caller& caller, Action action, std::string_view what) {
  std::string message = caller.id();
  message += " may not '";
  message += ActionName(action);
  message += "' with ";
  message += what;
  message += "; ask for a rule of the policy that grants it";
  return Error(Reason::kPermissionDenied, message);
}

// What a denial calls the key: what the caller called it, and no more.
std::string Described(const KeyFacts& key) {
  if (!key.named_by_caller || key.name.empty()) return "the key of this token";
  return "key " + std::string(key.name);
}

}  // namespace

std::string_view ActionName(Action action) {
  switch (action) {
#define STRONGROOM_X(enumerator, name, group) \
  case Action::enumerator:                    \
    return name;
    STRONGROOM_ACTIONS(STRONGROOM_X)
#undef STRONGROOM_X
  }
  return "unknown";
}

struct Policy::Rules {
  std::vector<Rule> all;
  std::map<std::string, RateLimit, std::less<>> limits;
  std::map<std::string, std::vector<const Rule*>, std::less<>> by_caller;

  const std::vector<const Rule*>& Of(const Caller& caller) const {
    static const auto& none = *new std::vector<const Rule*>;
    auto it = by_caller.find(caller.id());
    return it == by_caller.end() ? none : it->second;
  }
};

Policy::Policy() = default;
Policy::~Policy() = default;

StatusOr<std::shared_ptr<const Policy>> Policy::Parse(std::string_view yaml,
                                                      std::string_view origin) {
  SR_ASSIGN_OR_RETURN(PolicyFile file, ParsePolicyFile(yaml, origin));
  auto rules = std::make_unique<Rules>();
  rules->all = std::move(file.rules);
  rules->limits = std::move(file.limits);
  for (const Rule& rule : rules->all) {
    for (const std::string& who : rule.who) {
      rules->by_caller[who].push_back(&rule);
    }
  }
  // Not make_shared: only Policy may make a Policy.
  std::shared_ptr<Policy> policy(new Policy);
  policy->rules_ = std::move(rules);
  return std::shared_ptr<const Policy>(std::move(policy));
}

StatusOr<Permit> Policy::Check(const Caller& caller, Action action,
                               const KeyFacts& key) const {
  for (const Rule* rule : rules_->Of(caller)) {
    if (!rule->Grants(action, key)) continue;
    return Permit(action, caller, key.id, std::string(key.name));
  }
  return Denied(caller, action, Described(key));
}

StatusOr<Permit> Policy::CheckService(const Caller& caller,
                                      Action action) const {
  for (const Rule* rule : rules_->Of(caller)) {
    if (!rule->GrantsOnEverything(action)) continue;
    return Permit(action, caller, Uuid(), "");
  }
  return Denied(caller, action, "this service");
}

const RateLimit* Policy::LimitOf(const Caller& caller) const {
  if (rules_->limits.empty()) return nullptr;
  auto it = rules_->limits.find(caller.id());
  return it == rules_->limits.end() ? nullptr : &it->second;
}

std::vector<std::string> Policy::GrantsOf(const Caller& caller) const {
  std::vector<std::string> grants;
  for (const Rule* rule : rules_->Of(caller)) grants.push_back(rule->ToText());
  return grants;
}

size_t Policy::rule_count() const { return rules_->all.size(); }

PolicySource::PolicySource(std::shared_ptr<const Policy> policy)
    : policy_(std::move(policy)) {}

std::shared_ptr<const Policy> PolicySource::Current() const {
  MutexLock lock(mutex_);
  return policy_;
}

void PolicySource::Replace(std::shared_ptr<const Policy> policy) {
  MutexLock lock(mutex_);
  policy_.swap(policy);  // the old one ends outside the lock
}

}  // namespace strongroom::auth
