#include "hsm/pkcs11/module.h"

#include <dlfcn.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "hsm/pkcs11/return_values.h"
#include "strongroom/base/bytes.h"

namespace strongroom::hsm {
namespace {

// More tokens than this no module has; a greater number is not believed.
constexpr CK_ULONG kMaxSlots = 4096;
constexpr int kListTries = 3;

// What NSS reads in place of CK_C_INITIALIZE_ARGS when it is given parameters:
// one more pointer, which must be null.
struct InitializeArgs {
  CK_C_INITIALIZE_ARGS standard;
  void* always_null;
};

// Cryptoki pads text with spaces and does not end it. Some modules do end it,
// and some leave what was in the memory: that must not reach a log as it is.
template <size_t kSize>
std::string TextOf(const unsigned char (&field)[kSize]) {
  std::string text(reinterpret_cast<const char*>(field), kSize);
  text.resize(std::min(text.find('\0'), text.size()));
  text.resize(text.find_last_not_of(' ') + 1);
  const bool utf8 = IsUtf8(text);
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) c = '?';
  }
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
  if (std::string_view name = MissingFunction(*functions); !name.empty()) {
    return NotLoaded(path, "has no " + std::string(name) +
                               "; PKCS#11 wants each function of the list");
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

// The slots with a token in them.
StatusOr<std::vector<CK_SLOT_ID>> ListSlots(const CK_FUNCTION_LIST& functions) {
  const auto unavailable = [](const std::string& found) {
    return Error(Reason::kHsmUnavailable, "C_GetSlotList " + found);
  };
  // Between the two calls a token may come, and then another.
  for (int tries = 0; tries < kListTries; ++tries) {
    CK_ULONG count = 0;
    CK_RV rv = functions.C_GetSlotList(CK_TRUE, nullptr, &count);
    if (rv != CKR_OK) return unavailable("answered " + ReturnValueName(rv));
    if (count > kMaxSlots) {
      return unavailable("says that " + std::to_string(count) +
                         " slots hold tokens; want at most " +
                         std::to_string(kMaxSlots));
    }
    std::vector<CK_SLOT_ID> slots(count);
    if (count == 0) return slots;
    rv = functions.C_GetSlotList(CK_TRUE, slots.data(), &count);
    if (rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && count > slots.size())) {
      continue;
    }
    if (rv != CKR_OK) return unavailable("answered " + ReturnValueName(rv));
    slots.resize(count);
    return slots;
  }
  return unavailable("names more slots each time it is asked");
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

StatusOr<std::vector<Token>> ListTokens(const CK_FUNCTION_LIST& functions) {
  SR_ASSIGN_OR_RETURN(const std::vector<CK_SLOT_ID> slots,
                      ListSlots(functions));
  std::vector<Token> tokens;
  for (CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info = {};
    // A slot whose token is ill must not hide the others.
    if (functions.C_GetTokenInfo(slot, &info) != CKR_OK) continue;
    tokens.push_back({slot, TextOf(info.label), TextOf(info.model),
                      TextOf(info.serialNumber), info.flags});
  }
  return tokens;
}

std::string_view MissingFunction(const CK_FUNCTION_LIST& functions) {
#define SR_NEEDS(name) \
  if (functions.name == nullptr) return #name
  SR_NEEDS(C_Initialize);
  SR_NEEDS(C_Finalize);
  SR_NEEDS(C_GetSlotList);
  SR_NEEDS(C_GetTokenInfo);
  SR_NEEDS(C_GetMechanismInfo);
  SR_NEEDS(C_InitToken);
  SR_NEEDS(C_InitPIN);
  SR_NEEDS(C_OpenSession);
  SR_NEEDS(C_CloseSession);
  SR_NEEDS(C_GetSessionInfo);
  SR_NEEDS(C_Login);
  SR_NEEDS(C_Logout);
  SR_NEEDS(C_FindObjectsInit);
  SR_NEEDS(C_FindObjects);
  SR_NEEDS(C_FindObjectsFinal);
  SR_NEEDS(C_GetAttributeValue);
  SR_NEEDS(C_GenerateKey);
  SR_NEEDS(C_GenerateKeyPair);
  SR_NEEDS(C_DestroyObject);
  SR_NEEDS(C_EncryptInit);
  SR_NEEDS(C_Encrypt);
  SR_NEEDS(C_DecryptInit);
  SR_NEEDS(C_Decrypt);
  SR_NEEDS(C_SignInit);
  SR_NEEDS(C_Sign);
#undef SR_NEEDS
  return {};
}

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
