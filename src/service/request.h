// Request: one request on its way through the pipeline.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "strongroom/service/key_service.h"

namespace strongroom::service {

// Target is what a request is about: what the pipeline resolves and authorises
// before any work is done.
struct Target {
  enum class Scope { kNothing, kService, kKeys };
  Scope scope = Scope::kKeys;
  // The key the caller named; none for an open or a rewrap without a name.
  std::optional<KeyName> name;
  // The keys that tokens name from inside.
  std::vector<Uuid> key_ids;
  // Labels the key is to have: the caller must also be allowed to act on a key
  // with them.
  const Labels* new_labels = nullptr;
  bool creates = false;  // the key need not exist
  // What the caller's limit is charged; lifecycle and views are free.
  uint64_t operations = 0;
};

// Subject is one key that a request is about, as the pipeline judged it.
struct Subject {
  std::shared_ptr<const keyring::Key> key;  // null: unknown
  std::optional<auth::Permit> permit;
  Status verdict;  // PERMISSION_DENIED, and only then KEY_NOT_FOUND
};

struct Request {
  Request(const OperationSpec& row, Call from_edge)
      : spec(row), call(std::move(from_edge)) {}

  const OperationSpec& spec;
  const Call call;
  std::optional<Gate::Pass> pass;
  SteadyTime started{};
  SteadyTime deadline{};

  // Set by the authenticating step; all later ones have it.
  std::optional<auth::Caller> caller;

  // Set by the authorising step.
  std::shared_ptr<const keyring::Snapshot> keys;
  std::shared_ptr<const auth::Policy> policy;
  Subject named;
  std::map<Uuid, Subject> owners;
  bool tells_cost = false;  // asked for, and permitted

  audit::Durability durability = audit::Durability::kWritten;
  audit::Record record;
};

// Tally puts the outcome of the items into the record: how many failed and why,
// and which versions served the others.
struct ItemOutcome {
  const Status& status;
  uint32_t key_version;
};
void Tally(const std::vector<ItemOutcome>& items, audit::Record* record);

// WholeFailure is the failure that stands for all items: the one item's of a
// unary form; or, when every item failed because the service could not serve it
// now, the first one's, so that the caller learns when to try again. Else OK.
Status WholeFailure(OperationClass operation_class,
                    const std::vector<ItemOutcome>& items);

// Concluded is what an operation on items gives to the last step.
template <typename Result>
StatusOr<Result> Concluded(Request& request, Result result,
                           const batching::Cost& cost) {
  if (request.tells_cost) result.cost = cost;
  std::vector<ItemOutcome> items;
  items.reserve(result.items.size());
  for (const auto& item : result.items) {
    items.push_back({item.status, item.key_version});
  }
  Tally(items, &request.record);
  SR_RETURN_IF_ERROR(WholeFailure(request.spec.operation_class, items));
  return result;
}

}  // namespace strongroom::service
