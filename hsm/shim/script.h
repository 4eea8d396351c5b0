// Script: what a control file asks of the shim (README.md has the language).
#pragma once

#include <p11-kit/pkcs11.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shim {

// FunctionIndex is the place in CK_FUNCTION_LIST, from 0; none if unknown.
std::optional<size_t> FunctionIndex(std::string_view name);
const char* FunctionName(size_t index);
inline constexpr size_t kFunctions = 68;

// ReturnValueName gives "CKR_OK", or hex for what the header does not know.
std::string ReturnValueName(CK_RV value);

// Window says which calls of a function a line is about, counted from 1 since
// the file was read.
struct Window {
  uint64_t at = 1;
  uint64_t count = 1;
  bool Covers(uint64_t call) const { return call >= at && call - at < count; }
  static constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();
};

struct Fault {
  size_t function = 0;
  CK_RV result = CKR_OK;
  Window window;
  bool after = false;  // the real call happens, its answer is lost
};

struct Hang {
  size_t function = 0;
  Window window;
};

struct Latency {
  size_t function = 0;
  std::chrono::microseconds least{0};
  std::chrono::microseconds most{0};
};

struct Script {
  std::vector<Fault> faults;
  std::vector<Hang> hangs;
  std::vector<Latency> latencies;
  std::vector<CK_MECHANISM_TYPE> hidden;
  std::vector<std::pair<CK_OBJECT_HANDLE, CK_OBJECT_HANDLE>> swaps;
  bool serialise = false;
  // C_OpenSession refuses when so many are open.
  uint64_t session_limit = Window::kAll;
  // Done once, when the file is read.
  bool drop_sessions = false;
  bool keep_oldest_session = false;
  bool logout = false;

  bool Hangs(size_t function) const;
};

// ParseScript reads a whole file. On failure: none, and *error says which line.
std::optional<Script> ParseScript(std::string_view text, std::string* error);

}  // namespace shim
