#include "hsm/pkcs11/module.h"

#include <dlfcn.h>

#include <utility>
#include <vector>

#include "hsm/pkcs11/return_values.h"

namespace strongroom::hsm {
namespace {

// What NSS reads in place of CK_C_INITIALIZE_ARGS when it is given parameters:
// one more pointer, which must be null.
struct InitializeArgs {
  CK_C_INITIALIZE_ARGS standard;
  void* always_null;
};

// Cryptoki pads text with spaces and does not end it.
template <size_t kSize>
std::string Unpadded(const unsigned char (&field)[kSize]) {
  std::string text(reinterpret_cast<const char*>(field), kSize);
  text.resize(text.find_last_not_of(' ') + 1);
  return text;
}

Status NotLoaded(const std::string& path, const std::string& found) {
  return Error(Reason::kModuleNotLoaded,
               "PKCS#11 module " + path + ": " + found);
}

StatusOr<CK_FUNCTION_LIST*> LoadFunctions(const std::string& path) {
  // dlopen would search for an empty or bare name.
  if (path.empty() || path[0] != '/') {
    return NotLoaded(path, "is not an absolute path; want one");
  }
  // Never closed: modules leave exit handlers and thread-local destructors
  // behind, and to unload their code under these crashes.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return NotLoaded(path, why != nullptr ? why : "cannot be loaded");
  }
  auto get = reinterpret_cast<CK_C_GetFunctionList>(
      dlsym(library, "C_GetFunctionList"));
  if (get == nullptr) {
    return NotLoaded(path, "has no C_GetFunctionList; want a PKCS#11 module");
  }
  CK_FUNCTION_LIST* functions = nullptr;
  CK_RV rv = get(&functions);
  if (rv != CKR_OK || functions == nullptr) {
    return NotLoaded(path, "C_GetFunctionList answered " + ReturnValueName(rv));
  }
  return functions;
}

Status Initialize(const std::string& path, const std::string& init_args,
                  const CK_FUNCTION_LIST& functions) {
  std::string args = init_args;
  InitializeArgs parameters = {};
  // Without this flag a module may believe that one thread at a time calls.
  parameters.standard.flags = CKF_OS_LOCKING_OK;
  parameters.standard.pReserved = args.empty() ? nullptr : args.data();
  CK_RV rv = functions.C_Initialize(&parameters);
  if (rv == CKR_OK) return OkStatus();
  if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) {
    return NotLoaded(path,
                     "is in use in this process already; want one device per "
                     "module and process");
  }
  return NotLoaded(path, "C_Initialize answered " + ReturnValueName(rv) +
                             "; see the module's own configuration");
}

StatusOr<std::vector<Token>> ListTokens(const CK_FUNCTION_LIST& functions) {
  CK_ULONG count = 0;
  CK_RV rv = functions.C_GetSlotList(CK_TRUE, nullptr, &count);
  std::vector<CK_SLOT_ID> slots(count);
  if (rv == CKR_OK && count > 0) {
    rv = functions.C_GetSlotList(CK_TRUE, slots.data(), &count);
  }
  if (rv != CKR_OK) {
    return Error(Reason::kHsmUnavailable,
                 "C_GetSlotList answered " + ReturnValueName(rv));
  }
  slots.resize(count);
  std::vector<Token> tokens;
  for (CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info = {};
    // A slot whose token is ill must not hide the others.
    if (functions.C_GetTokenInfo(slot, &info) != CKR_OK) continue;
    tokens.push_back({slot, Unpadded(info.label), Unpadded(info.model),
                      Unpadded(info.serialNumber), info.flags,
                      info.ulMaxSessionCount});
  }
  return tokens;
}

std::string Describe(const std::vector<Token>& tokens) {
  if (tokens.empty()) return "none";
  std::string text;
  for (const Token& token : tokens) {
    if (!text.empty()) text += ", ";
    text += "\"" + token.label + "\" (serial " + token.serial + ")";
    if ((token.flags & CKF_TOKEN_INITIALIZED) == 0) text += " uninitialised";
  }
  return text;
}

}  // namespace

StatusOr<std::unique_ptr<Module>> Module::Load(const std::string& path,
                                               const std::string& init_args) {
  SR_ASSIGN_OR_RETURN(CK_FUNCTION_LIST * functions, LoadFunctions(path));
  SR_RETURN_IF_ERROR(Initialize(path, init_args, *functions));
  return std::unique_ptr<Module>(new Module(functions));
}

Module::~Module() { Finalize(); }

void Module::Finalize() {
  if (!std::exchange(finalized_, true)) functions_->C_Finalize(nullptr);
}

StatusOr<Token> Module::FindUninitialized() const {
  SR_ASSIGN_OR_RETURN(std::vector<Token> tokens, ListTokens(*functions_));
  for (const Token& token : tokens) {
    if ((token.flags & CKF_TOKEN_INITIALIZED) == 0) return token;
  }
  return Error(Reason::kTokenNotFound,
               "the module has no uninitialised token to make one of; tokens "
               "seen: " +
                   Describe(tokens));
}

StatusOr<Token> Module::FindToken(const std::string& label,
                                  const std::string& serial) const {
  SR_ASSIGN_OR_RETURN(std::vector<Token> tokens, ListTokens(*functions_));
  std::vector<Token> matching;
  for (const Token& token : tokens) {
    bool label_fits = label.empty() || token.label == label;
    bool serial_fits = serial.empty() || token.serial == serial;
    if (label_fits && serial_fits) matching.push_back(token);
  }
  const std::string seen = "; tokens seen: " + Describe(tokens);
  if (label.empty() && serial.empty()) {
    return Error(Reason::kTokenNotFound,
                 "neither token label nor serial is given; want one" + seen);
  }
  if (matching.size() == 1) return matching.front();
  std::string wanted = label.empty() ? "" : " label \"" + label + "\"";
  if (!serial.empty()) wanted += " serial \"" + serial + "\"";
  if (matching.empty()) {
    return Error(Reason::kTokenNotFound, "no token has" + wanted + seen);
  }
  return Error(Reason::kTokenNotFound,
               std::to_string(matching.size()) + " tokens have" + wanted +
                   "; want one: name its serial" + seen);
}

}  // namespace strongroom::hsm
