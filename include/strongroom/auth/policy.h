// Policy: who may do what with which keys. Default deny.
//
//   version: 1
//   rules:
//     - name: payments application        # for people, and for audit
//       who: ["uri:spiffe://bank/payments", "cn:payments-app"]
//       may: [wrap, unwrap]               # actions, or the groups use,
//                                         # manage, observe
//       keys: ["payments/**"]             # '*' within a segment, '**' as the
//                                         # last segment: anything below
//       labels: {env: prod}               # optional: all must match
//   limits:                               # optional
//     - who: ["cn:payments-app"]          # each of them for itself
//       operations_per_second: 500        # 1..10,000,000
//       burst: 1000                       # optional: default one second's
//
// Rules only grant; nothing else takes away. A limit bounds how fast a caller
// may use what it was granted. A policy is immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strongroom/auth/caller.h"
#include "strongroom/base/mutex.h"
#include "strongroom/base/names.h"
#include "strongroom/base/status.h"

namespace strongroom::auth {

// X(enumerator, name in policies and audit, group)
#define STRONGROOM_ACTIONS(X)             \
  X(kEncrypt, "encrypt", "use")           \
  X(kDecrypt, "decrypt", "use")           \
  X(kWrap, "wrap", "use")                 \
  X(kUnwrap, "unwrap", "use")             \
  X(kGenerateDataKey, "datakey", "use")   \
  X(kRewrap, "rewrap", "use")             \
  X(kReport, "report", "use")             \
  X(kCreateKey, "create", "manage")       \
  X(kUpdateKey, "update", "manage")       \
  X(kRotateKey, "rotate", "manage")       \
  X(kEnableVersion, "enable", "manage")   \
  X(kDisableVersion, "disable", "manage") \
  X(kDestroyVersion, "destroy", "manage") \
  X(kRunJobs, "jobs", "manage")           \
  X(kDeleteDek, "delete-dek", "manage")   \
  X(kShredDek, "shred", "manage")         \
  X(kViewKey, "view", "observe")          \
  X(kViewDeks, "deks", "observe")         \
  X(kViewStatus, "status", "observe")     \
  X(kViewToken, "token", "observe")       \
  X(kViewCost, "cost", "observe")

enum class Action : uint8_t {
#define STRONGROOM_X(enumerator, name, group) enumerator,
  STRONGROOM_ACTIONS(STRONGROOM_X)
#undef STRONGROOM_X
};
std::string_view ActionName(Action action);

// Permit is proof that a policy said yes to one caller, one action and one key,
// or the service: only Policy makes one. The parts of the house that do the
// work are reached with it alone, and it says which key they may touch.
class Permit {
 public:
  Action action() const { return action_; }
  const Caller& caller() const { return caller_; }
  // Nil and empty of the service, and of a key that nobody knows; a key that is
  // yet to be made has a name only.
  const Uuid& key_id() const { return key_id_; }
  const std::string& key_name() const { return key_name_; }

 private:
  friend class Policy;
  Permit(Action action, const Caller& caller, const Uuid& key_id,
         std::string key_name)
      : action_(action),
        caller_(caller),
        key_id_(key_id),
        key_name_(std::move(key_name)) {}
  Action action_;
  Caller caller_;
  Uuid key_id_;
  std::string key_name_;
};

// KeyFacts is what a decision may look at. An unknown key has the name that was
// asked for, or none (a key_id that nobody knows), and no labels. A caller that
// sent a token and no name must not learn the name from a denial.
struct KeyFacts {
  Uuid id{};  // nil: unknown, or to be made
  std::string_view name{};
  const Labels* labels = nullptr;
  bool named_by_caller = true;
};

// RateLimit is how fast a caller may go. An operation is one item: a unary
// request is one, a batch as many as it brings.
struct RateLimit {
  double operations_per_second = 0;
  double burst = 0;  // so many at once after a pause
  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

class Policy {
 public:
  // Parse is strict: CONFIG_INVALID for unknown or repeated fields, unknown
  // actions (naming the nearest), empty lists, bad identities, patterns or
  // labels, rules without a name or with another's, callers with two limits,
  // with file:line.
  static StatusOr<std::shared_ptr<const Policy>> Parse(std::string_view yaml,
                                                       std::string_view origin);
  ~Policy();

  // Check is a Permit, or PERMISSION_DENIED with one wording whether the key
  // exists or not: "<caller> may not '<action>' with <key as asked for>", where
  // a key that the caller did not name is "the key of this token".
  // A key without a name (unknown key_id) is permitted only to callers who have
  // the action on every key ("**", no labels).
  StatusOr<Permit> Check(const Caller& caller, Action action,
                         const KeyFacts& key) const;
  // CheckService is for actions on no key (status, token, cost): a rule with
  // the action on "**".
  StatusOr<Permit> CheckService(const Caller& caller, Action action) const;

  // LimitOf is the caller's limit; nullptr if it has none. Lives as long as the
  // policy.
  const RateLimit* LimitOf(const Caller& caller) const;

  // GrantsOf lists the rules that name this caller, as text for WhoAmI.
  std::vector<std::string> GrantsOf(const Caller& caller) const;
  size_t rule_count() const;

 private:
  Policy();
  struct Rules;
  std::unique_ptr<const Rules> rules_;
};

// PolicySource holds the policy in force and replaces it whole. Thread-safe.
class PolicySource {
 public:
  explicit PolicySource(std::shared_ptr<const Policy> policy);
  std::shared_ptr<const Policy> Current() const SR_EXCLUDES(mutex_);
  void Replace(std::shared_ptr<const Policy> policy) SR_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const Policy> policy_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::auth
