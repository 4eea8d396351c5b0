#include <algorithm>
#include <numeric>
#include <utility>

#include "auth/identity.h"
#include "auth/rules.h"
#include "strongroom/base/strict_yaml.h"

namespace strongroom::auth {
namespace {

constexpr int64_t kPolicyVersion = 1;
constexpr size_t kMaxRuleNameSize = 128;
constexpr int64_t kMaxRate = 10'000'000;

// Words that `may` takes: actions, and groups of them.
std::map<std::string_view, ActionSet> Words() {
  std::map<std::string_view, ActionSet> words;
#define STRONGROOM_X(enumerator, name, group) \
  words[name].Add(Action::enumerator);        \
  words[group].Add(Action::enumerator);
  STRONGROOM_ACTIONS(STRONGROOM_X)
#undef STRONGROOM_X
  return words;
}

// Levenshtein's distance, one row at a time.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(
          row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

std::string_view NearestWord(
    std::string_view word, const std::map<std::string_view, ActionSet>& words) {
  word = word.substr(0, 32);
  return std::min_element(words.begin(), words.end(),
                          [&](const auto& a, const auto& b) {
                            return Distance(word, a.first) <
                                   Distance(word, b.first);
                          })
      ->first;
}

// RequireList gives the items of a list that must be there and not empty.
StatusOr<const YamlNode*> RequireList(const YamlNode& map,
                                      std::string_view key) {
  SR_ASSIGN_OR_RETURN(const YamlNode* node, map.Require(key));
  if (!node->IsList() || node->items().empty()) {
    return node->Invalid("want a list with at least one entry");
  }
  return node;
}

StatusOr<ActionSet> ParseMay(const YamlNode& list) {
  const std::map<std::string_view, ActionSet> words = Words();
  ActionSet actions;
  for (const YamlNode& item : list.items()) {
    SR_ASSIGN_OR_RETURN(std::string word, item.AsString());
    auto it = words.find(word);
    if (it == words.end()) {
      return item.Invalid("'" + word + "' is no action and no group; the " +
                          "nearest one is '" +
                          std::string(NearestWord(word, words)) + "'");
    }
    actions.Add(it->second);
  }
  return actions;
}

StatusOr<std::vector<std::string>> ParseWho(const YamlNode& list) {
  std::vector<std::string> who;
  for (const YamlNode& item : list.items()) {
    SR_ASSIGN_OR_RETURN(std::string text, item.AsString());
    StatusOr<std::string> identity = ParseIdentity(text);
    if (!identity.ok()) return item.Invalid(MessageOf(identity.status()));
    if (std::find(who.begin(), who.end(), *identity) != who.end()) {
      return item.Invalid("'" + text + "' is listed twice");
    }
    who.push_back(*std::move(identity));
  }
  return who;
}

StatusOr<std::vector<KeyPattern>> ParseKeys(const YamlNode& list) {
  std::vector<KeyPattern> keys;
  for (const YamlNode& item : list.items()) {
    SR_ASSIGN_OR_RETURN(std::string text, item.AsString());
    StatusOr<KeyPattern> pattern = KeyPattern::Parse(text);
    if (!pattern.ok()) return item.Invalid(MessageOf(pattern.status()));
    keys.push_back(*std::move(pattern));
  }
  return keys;
}

StatusOr<Labels> ParseLabels(const YamlNode& map) {
  if (!map.IsMap() || map.fields().empty()) {
    return map.Invalid("want a map with at least one label, or no 'labels'");
  }
  Labels labels;
  for (const auto& [key, value] : map.fields()) {
    SR_ASSIGN_OR_RETURN(labels[key], value.AsString());
  }
  Status valid = ValidateLabels(labels);
  if (!valid.ok()) return map.Invalid(MessageOf(valid));
  return labels;
}

StatusOr<std::string> ParseName(const YamlNode& node) {
  SR_ASSIGN_OR_RETURN(std::string name, node.AsString());
  if (name.empty() || name.size() > kMaxRuleNameSize || !IsUtf8(name)) {
    return node.Invalid("want a name of 1 to 128 bytes of UTF-8");
  }
  return name;
}

StatusOr<Rule> ParseRule(const YamlNode& node) {
  SR_RETURN_IF_ERROR(
      node.RefuseUnknown({"name", "who", "may", "keys", "labels"}));
  Rule rule;
  SR_ASSIGN_OR_RETURN(const YamlNode* name, node.Require("name"));
  SR_ASSIGN_OR_RETURN(rule.name, ParseName(*name));
  SR_ASSIGN_OR_RETURN(const YamlNode* who, RequireList(node, "who"));
  SR_ASSIGN_OR_RETURN(rule.who, ParseWho(*who));
  SR_ASSIGN_OR_RETURN(const YamlNode* may, RequireList(node, "may"));
  SR_ASSIGN_OR_RETURN(rule.may, ParseMay(*may));
  SR_ASSIGN_OR_RETURN(const YamlNode* keys, RequireList(node, "keys"));
  SR_ASSIGN_OR_RETURN(rule.keys, ParseKeys(*keys));
  if (const YamlNode* labels = node.Find("labels"); labels != nullptr) {
    SR_ASSIGN_OR_RETURN(rule.labels, ParseLabels(*labels));
  }
  return rule;
}

StatusOr<RateLimit> ParseRate(const YamlNode& node) {
  RateLimit limit;
  SR_ASSIGN_OR_RETURN(const YamlNode* rate,
                      node.Require("operations_per_second"));
  SR_ASSIGN_OR_RETURN(int64_t per_second, rate->AsInt(1, kMaxRate));
  int64_t burst = per_second;
  if (const YamlNode* given = node.Find("burst"); given != nullptr) {
    SR_ASSIGN_OR_RETURN(burst, given->AsInt(1, kMaxRate));
  }
  limit.operations_per_second = static_cast<double>(per_second);
  limit.burst = static_cast<double>(burst);
  return limit;
}

Status ParseLimits(const YamlNode& root, PolicyFile* file) {
  if (root.Find("limits") == nullptr) return OkStatus();
  SR_ASSIGN_OR_RETURN(const YamlNode* list, RequireList(root, "limits"));
  for (const YamlNode& node : list->items()) {
    SR_RETURN_IF_ERROR(
        node.RefuseUnknown({"who", "operations_per_second", "burst"}));
    SR_ASSIGN_OR_RETURN(const YamlNode* who, RequireList(node, "who"));
    SR_ASSIGN_OR_RETURN(std::vector<std::string> callers, ParseWho(*who));
    SR_ASSIGN_OR_RETURN(RateLimit limit, ParseRate(node));
    for (std::string& caller : callers) {
      if (!file->limits.emplace(caller, limit).second) {
        return who->Invalid("'" + caller + "' has a limit already; want one");
      }
    }
  }
  return OkStatus();
}

StatusOr<std::vector<Rule>> ParseRules(const YamlNode& root) {
  SR_ASSIGN_OR_RETURN(const YamlNode* list, RequireList(root, "rules"));
  std::vector<Rule> rules;
  for (const YamlNode& node : list->items()) {
    SR_ASSIGN_OR_RETURN(Rule rule, ParseRule(node));
    for (const Rule& earlier : rules) {
      if (earlier.name == rule.name) {
        return node.Invalid("another rule is named '" + rule.name +
                            "'; names must differ");
      }
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace

StatusOr<PolicyFile> ParsePolicyFile(std::string_view yaml,
                                     std::string_view origin) {
  SR_ASSIGN_OR_RETURN(YamlNode root, YamlNode::Parse(yaml, origin));
  SR_RETURN_IF_ERROR(root.RefuseUnknown({"version", "rules", "limits"}));
  SR_ASSIGN_OR_RETURN(const YamlNode* version, root.Require("version"));
  SR_RETURN_IF_ERROR(version->AsInt(kPolicyVersion, kPolicyVersion).status());
  PolicyFile file;
  SR_ASSIGN_OR_RETURN(file.rules, ParseRules(root));
  SR_RETURN_IF_ERROR(ParseLimits(root, &file));
  return file;
}

}  // namespace strongroom::auth
