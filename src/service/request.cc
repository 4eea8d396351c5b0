#include "service/request.h"

#include <algorithm>

namespace strongroom::service {
namespace {

bool IsTheServicesFault(const Status& status) {
  switch (status.code()) {
    case StatusCode::kUnavailable:
    case StatusCode::kResourceExhausted:
    case StatusCode::kDeadlineExceeded:
      return true;
    default:
      return false;
  }
}

void AppendDetail(std::string* detail, const std::string& text) {
  if (!detail->empty()) *detail += ", ";
  *detail += text;
}

}  // namespace

const auth::Permit* Request::permit() const {
  if (service_permit_) return &*service_permit_;
  const Subject& named = owners_.named();
  return named.permit ? &*named.permit : nullptr;
}

void VisibleKeys::ForEach(const std::string& prefix, const std::string& after,
                          const std::function<bool(const Found&)>& each) const {
  const auto& keys = request_.keys_->keys();
  auto it = !after.empty() && after >= prefix ? keys.upper_bound(after)
                                              : keys.lower_bound(prefix);
  for (; it != keys.end() && it->first.starts_with(prefix); ++it) {
    const keyring::Key& key = *it->second;
    StatusOr<auth::Permit> permit = request_.policy_->Check(
        *request_.caller_, request_.spec.action,
        {.id = key.id, .name = it->first, .labels = &key.settings.labels});
    if (permit.ok() && !each({key, *std::move(permit)})) return;
  }
}

const auth::Caller& Oneself::caller() const { return *request_.caller_; }

std::vector<std::string> Oneself::grants() const {
  return request_.policy_->GrantsOf(*request_.caller_);
}

void Tally(const std::vector<ItemOutcome>& items, audit::Record* record) {
  std::map<Reason, size_t> failures;
  for (const ItemOutcome& item : items) {
    if (!item.status.ok()) {
      ++failures[ReasonOf(item.status)];
      ++record->failed_items;
    } else if (record->versions.empty() ||
               record->versions.back() != item.key_version) {
      record->versions.push_back(item.key_version);
    }
  }
  std::vector<uint32_t>& versions = record->versions;
  std::sort(versions.begin(), versions.end());
  versions.erase(std::unique(versions.begin(), versions.end()), versions.end());
  for (const auto& [reason, count] : failures) {
    AppendDetail(&record->detail,
                 std::to_string(count) + " " + std::string(ReasonName(reason)));
  }
}

Status WholeFailure(OperationClass operation_class,
                    const std::vector<ItemOutcome>& items) {
  if (operation_class == OperationClass::kUnary) return items.front().status;
  const Status& first = items.front().status;
  if (first.ok() || !IsTheServicesFault(first)) return OkStatus();
  bool all = std::all_of(items.begin(), items.end(), [&](const auto& item) {
    return !item.status.ok() && ReasonOf(item.status) == ReasonOf(first);
  });
  return all ? first : OkStatus();
}

}  // namespace strongroom::service
