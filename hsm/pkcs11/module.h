// Module: a PKCS#11 library in this process, initialised; and its tokens.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hsm/pkcs11/cryptoki.h"
#include "hsm/pkcs11/session.h"
#include "strongroom/base/status.h"

namespace strongroom::hsm {

// Token is a slot with a token in it, as it described itself.
struct Token {
  CK_SLOT_ID slot = 0;
  // Text without its padding, spaces or zeros; what cannot be shown is '?'.
  std::string label;
  std::string model;
  std::string serial;
  CK_FLAGS flags = 0;
};

// ListTokens gives the tokens that the module's slots hold. HSM_UNAVAILABLE if
// it says there are more than 4096, or says something else each time.
StatusOr<std::vector<Token>> ListTokens(const CK_FUNCTION_LIST& functions);

// MissingFunction names a function that this module needs and the list has not;
// empty if there is none.
std::string_view MissingFunction(const CK_FUNCTION_LIST& functions);

// Module is neither copied nor moved: the library is one state per process.
// The destructor finalises, and so runs only when no thread is in a call.
class Module {
 public:
  // Load fails MODULE_NOT_LOADED: no such library, not a PKCS#11 module, it
  // refuses to initialise, or somebody in this process did that already.
  static StatusOr<std::unique_ptr<Module>> Load(const std::string& path,
                                                const std::string& init_args);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // FindToken fails TOKEN_NOT_FOUND, listing the tokens it saw. An empty label
  // or serial matches any, but not both may be empty.
  StatusOr<Token> FindToken(const std::string& label,
                            const std::string& serial) const;
  // FindUninitialized gives the first token that is not initialised yet, or
  // fails TOKEN_NOT_FOUND.
  StatusOr<Token> FindUninitialized() const;
  const CK_FUNCTION_LIST& functions() const { return *functions_; }
  CK_RV OpenSession(CK_SLOT_ID slot, bool read_write, Session* out) {
    return Session::Open(*functions_, session_handles_, slot, read_write, out);
  }

  // Finalize ends all use of the library, once; the destructor does it else.
  void Finalize();

 private:
  explicit Module(CK_FUNCTION_LIST* functions) : functions_(functions) {}

  CK_FUNCTION_LIST* functions_;
  SessionHandles session_handles_;
  bool finalized_ = false;
};

}  // namespace strongroom::hsm
