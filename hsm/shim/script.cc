#include "hsm/shim/script.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "hsm/shim/names.h"

namespace shim {
namespace {

struct Named {
  const char* name;
  unsigned long value;
};

#define SHIM_ROW(name) {#name, name},
constexpr Named kReturnValues[] = {SHIM_RETURN_VALUES(SHIM_ROW)};
#undef SHIM_ROW

constexpr Named kMechanisms[] = {
    {"CKM_AES_GCM", CKM_AES_GCM},
    {"CKM_AES_KEY_GEN", CKM_AES_KEY_GEN},
};

#define SHIM_ROW(name) #name,
constexpr const char* kFunctionNames[] = {SHIM_FUNCTIONS(SHIM_ROW)};
#undef SHIM_ROW
static_assert(std::size(kFunctionNames) == kFunctions);

std::optional<uint64_t> Number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) {
    base = 16;
    text.remove_prefix(2);
  }
  uint64_t value = 0;
  auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failure != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

template <size_t kSize>
std::optional<uint64_t> ValueOf(const Named (&table)[kSize],
                                std::string_view name) {
  for (const Named& row : table) {
    if (row.name == name) return row.value;
  }
  return Number(name);
}

using Words = std::vector<std::string>;

// at=N count=N count=all after, in any order, from words[first] on.
bool ParseOptions(const Words& words, size_t first, Window* window,
                  bool* after) {
  for (size_t i = first; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "count=all") {
      window->count = Window::kAll;
    } else if (word == "after" && after != nullptr) {
      *after = true;
    } else if (word.starts_with("at=") && Number(word.substr(3))) {
      window->at = *Number(word.substr(3));
    } else if (word.starts_with("count=") && Number(word.substr(6))) {
      window->count = *Number(word.substr(6));
    } else {
      return false;
    }
  }
  return window->at > 0;
}

bool ParseFail(const Words& words, Script* script) {
  if (words.size() < 3) return false;
  const auto function = FunctionIndex(words[1]);
  const auto result = ValueOf(kReturnValues, words[2]);
  Fault fault;
  if (!function || !result ||
      !ParseOptions(words, 3, &fault.window, &fault.after)) {
    return false;
  }
  fault.function = *function;
  fault.result = *result;
  script->faults.push_back(fault);
  return true;
}

bool ParseHang(const Words& words, Script* script) {
  if (words.size() < 3 || words[2] != "until-released") return false;
  const auto function = FunctionIndex(words[1]);
  Hang hang;
  if (!function || !ParseOptions(words, 3, &hang.window, nullptr)) return false;
  hang.function = *function;
  script->hangs.push_back(hang);
  return true;
}

bool ParseLatency(const Words& words, Script* script) {
  if (words.size() != 3 || !words[2].ends_with("us")) return false;
  const auto function = FunctionIndex(words[1]);
  const std::string_view range(words[2].data(), words[2].size() - 2);
  const size_t dash = range.find('-');
  const auto least = Number(range.substr(0, dash));
  const auto most = dash == range.npos ? least : Number(range.substr(dash + 1));
  if (!function || !least || !most || *least > *most) return false;
  script->latencies.push_back({*function, std::chrono::microseconds(*least),
                               std::chrono::microseconds(*most)});
  return true;
}

bool ParseDropSessions(const Words& words, Script* script) {
  script->drop_sessions = true;
  if (words.size() == 1) return true;
  script->keep_oldest_session = true;
  return words.size() == 2 && words[1] == "except-oldest";
}

bool ParseLine(const Words& words, Script* script) {
  const std::string& verb = words[0];
  if (verb == "fail") return ParseFail(words, script);
  if (verb == "hang") return ParseHang(words, script);
  if (verb == "latency") return ParseLatency(words, script);
  if (verb == "drop-sessions") return ParseDropSessions(words, script);
  if (verb == "logout") return script->logout = words.size() == 1;
  if (verb == "serialise" && words.size() == 2) {
    script->serialise = words[1] == "on";
    return words[1] == "on" || words[1] == "off";
  }
  if (verb == "limit-sessions" && words.size() == 2) {
    const auto limit = Number(words[1]);
    if (limit) script->session_limit = *limit;
    return limit.has_value();
  }
  if (verb == "hide-mechanism" && words.size() == 2) {
    const auto mechanism = ValueOf(kMechanisms, words[1]);
    if (mechanism) script->hidden.push_back(*mechanism);
    return mechanism.has_value();
  }
  if (verb == "swap-handles" && words.size() == 3) {
    const auto a = Number(words[1]);
    const auto b = Number(words[2]);
    if (a && b) script->swaps.emplace_back(*a, *b);
    return a && b;
  }
  return false;
}

}  // namespace

std::optional<size_t> FunctionIndex(std::string_view name) {
  const auto* found = std::ranges::find(kFunctionNames, name);
  if (found == std::end(kFunctionNames)) return std::nullopt;
  return found - std::begin(kFunctionNames);
}

const char* FunctionName(size_t index) { return kFunctionNames[index]; }

std::string ReturnValueName(CK_RV value) {
  for (const Named& row : kReturnValues) {
    if (row.value == value) return row.name;
  }
  std::ostringstream hex;
  hex << "0x" << std::hex << value;
  return hex.str();
}

bool Script::Hangs(size_t function) const {
  return std::ranges::any_of(
      hangs, [&](const Hang& hang) { return hang.function == function; });
}

std::optional<Script> ParseScript(std::string_view text, std::string* error) {
  Script script;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream stream(line);
    Words words;
    for (std::string word; stream >> word && word[0] != '#';) {
      words.push_back(word);
    }
    if (words.empty() || ParseLine(words, &script)) continue;
    *error = "line " + std::to_string(number) + ": not understood: " + line;
    return std::nullopt;
  }
  return script;
}

}  // namespace shim
