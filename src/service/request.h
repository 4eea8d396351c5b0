// Request: one request on its way through the pipeline.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "service/rooms.h"
#include "strongroom/base/gate.h"
#include "strongroom/envelope/token.h"
#include "strongroom/model/data.h"
#include "strongroom/service/key_service.h"

namespace strongroom::service {

class Request;

// Target is what a request is about: what the pipeline resolves and authorises
// before any work is done.
struct Target {
  // kCaller: nothing but who asks. kService: the service as a whole.
  enum class Scope { kCaller, kService, kKeys };
  Scope scope = Scope::kKeys;
  // The key the caller named, by its name or its id; none for an open or a
  // rewrap without a name.
  std::optional<KeyName> name{};
  std::optional<Uuid> id{};
  // The keys that tokens name from inside.
  std::vector<Uuid> key_ids{};
  // Labels the key is to have: the caller must also be allowed to act on a key
  // with them.
  const Labels* new_labels = nullptr;
  bool creates = false;  // the key need not exist
  // What the caller's limit is charged; lifecycle and views are free.
  uint64_t operations = 0;
};

// Subject is one key that a request is about, as the pipeline judged it.
struct Subject {
  std::shared_ptr<const keyring::Key> key{};  // null: unknown
  std::optional<auth::Permit> permit{};
  Status verdict{};  // PERMISSION_DENIED, and only then KEY_NOT_FOUND
};

// Owners are the keys that a request's tokens name, each as it was judged; with
// the key that the request names itself, if it does. Only the pipeline fills
// it, so that it is proof of what its permits say.
class Owners {
 public:
  const Subject& Of(const Uuid& key_id) const { return subjects_.at(key_id); }
  // Named has no key if the request names none.
  const Subject& named() const { return named_; }
  const std::map<Uuid, Subject>& all() const { return subjects_; }

 private:
  friend class Pipeline;
  Subject named_;
  std::map<Uuid, Subject> subjects_;
};

// VisibleKeys are the keys on which a caller has the operation's right: what a
// list may show. Only a Request makes it.
class VisibleKeys {
 public:
  struct Found {
    const keyring::Key& key;
    auth::Permit permit;
  };
  // ForEach gives them in the order of their names, those with the prefix and
  // after `after`, until `each` is false.
  void ForEach(const std::string& prefix, const std::string& after,
               const std::function<bool(const Found&)>& each) const;

 private:
  friend class Request;
  explicit VisibleKeys(const Request& request) : request_(request) {}
  const Request& request_;
};

// Oneself is the caller, to whom nobody else's things are shown. Only a Request
// makes it.
class Oneself {
 public:
  const auth::Caller& caller() const;
  // The rules that name the caller, as text.
  std::vector<std::string> grants() const;

 private:
  friend class Request;
  explicit Oneself(const Request& request) : request_(request) {}
  const Request& request_;
};

// TokenItem is a token of a request, parsed. A token that is malformed carries
// its failure; it fails alone.
struct TokenItem {
  envelope::Token token{};  // a rewrap's may be the header alone
  Bytes leaf_bytes{};       // as it came; a rewrap gives it back
  Status status{};
  // What the registry says of it, for those who may use its key.
  Status registered{};
  bool by_id = false;
};

class Request {
 public:
  Request(const OperationSpec& row, Call from_door, const Rooms& through)
      : spec(row), call(std::move(from_door)), rooms(through) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  const OperationSpec& spec;
  const Call call;
  // What the work is done with; opened by a permit.
  const Rooms& rooms;
  SteadyTime deadline{};
  // Whether the request asks for a compact answer.
  bool compact = false;
  // Set by the resolving step, of an open or a rewrap.
  std::vector<TokenItem> tokens{};
  // The pipeline completes it.
  audit::Record record{};

  // All below are for the steps after authorisation.
  const std::string& caller_id() const { return caller_->id(); }
  // The key that the request names. Only where it names one.
  const keyring::Key& key() const { return *owners_.named().key; }
  bool tells_cost() const { return tells_cost_; }

  // What a handler is given as its proof. Null: the policy gave no permit.
  const auth::Permit* permit() const;
  const Owners& owners() const { return owners_; }
  VisibleKeys visible_keys() const { return VisibleKeys(*this); }
  Oneself oneself() const { return Oneself(*this); }

 private:
  friend class Pipeline;
  friend class VisibleKeys;
  friend class Oneself;

  std::optional<Gate::Pass> pass_{};
  SteadyTime started_{};
  std::optional<auth::Caller> caller_{};
  std::shared_ptr<const keyring::Snapshot> keys_{};
  std::shared_ptr<const auth::Policy> policy_{};
  std::optional<auth::Permit> service_permit_{};
  Owners owners_{};
  bool tells_cost_ = false;  // asked for, and permitted
  audit::Durability durability_ = audit::Durability::kWritten;
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
                           const model::Cost& cost) {
  if (request.tells_cost()) result.cost = cost;
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
