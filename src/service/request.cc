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
