#include "auth/rules.h"

#include <algorithm>

namespace strongroom::auth {
namespace {

bool LabelsMatch(const Labels& wanted, const Labels* found) {
  if (wanted.empty()) return true;
  if (found == nullptr) return false;
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
    auto it = found->find(label.first);
    return it != found->end() && it->second == label.second;
  });
}

void AppendItem(std::string* list, std::string_view item) {
  if (!list->empty()) *list += ", ";
  *list += item;
}

std::string ActionsText(const ActionSet& actions) {
  std::string text;
#define STRONGROOM_X(enumerator, name, group) \
  if (actions.Has(Action::enumerator)) AppendItem(&text, name);
  STRONGROOM_ACTIONS(STRONGROOM_X)
#undef STRONGROOM_X
  return text;
}

}  // namespace

bool Rule::Grants(Action action, const KeyFacts& key) const {
  if (!may.Has(action)) return false;
  if (key.name.empty()) return GrantsOnEverything(action);
  return LabelsMatch(labels, key.labels) &&
         std::any_of(keys.begin(), keys.end(), [&](const KeyPattern& pattern) {
           return pattern.Matches(key.name);
         });
}

bool Rule::GrantsOnEverything(Action action) const {
  return may.Has(action) && labels.empty() &&
         std::any_of(keys.begin(), keys.end(), [](const KeyPattern& pattern) {
           return pattern.Everything();
         });
}

std::string Rule::ToText() const {
  std::string patterns;
  for (const KeyPattern& pattern : keys) AppendItem(&patterns, pattern.text());
  std::string text = name + ": may " + ActionsText(may) + " on " + patterns;
  std::string conditions;
  for (const auto& [key, value] : labels) {
    AppendItem(&conditions, key + "=" + value);
  }
  if (!conditions.empty()) text += " where " + conditions;
  return text;
}

}  // namespace strongroom::auth
