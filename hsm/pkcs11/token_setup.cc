#include "strongroom/hsm_pkcs11/token_setup.h"

#include <algorithm>
#include <array>
#include <memory>

#include "hsm/pkcs11/module.h"
#include "hsm/pkcs11/return_values.h"
#include "hsm/pkcs11/session.h"

namespace strongroom::hsm {
namespace {

Status Answered(std::string_view step, CK_RV rv) {
  if (rv == CKR_OK) return OkStatus();
  return Error(Reason::kHsmUnexpected, "making a token: " + std::string(step) +
                                           " answered " + ReturnValueName(rv));
}

// The officer sets the user's PIN.
Status SetUserPin(Module& module, CK_SLOT_ID slot, const NewToken& token) {
  Session session;
  SR_RETURN_IF_ERROR(
      Answered("C_OpenSession", module.OpenSession(slot, true, &session)));
  const CK_FUNCTION_LIST& calls = module.functions();
  SR_RETURN_IF_ERROR(
      Answered("C_Login", calls.C_Login(session.handle(), CKU_SO,
                                        Mutable(token.officer_pin.Expose()),
                                        token.officer_pin.size())));
  return Answered("C_InitPIN", calls.C_InitPIN(session.handle(),
                                               Mutable(token.user_pin.Expose()),
                                               token.user_pin.size()));
}

}  // namespace

Status InitializeToken(const NewToken& token) {
  std::array<unsigned char, sizeof(CK_TOKEN_INFO::label)> label;
  if (token.label.empty() || token.label.size() > label.size()) {
    return Error(Reason::kArgumentInvalid,
                 "token label \"" + token.label + "\" has " +
                     std::to_string(token.label.size()) +
                     " bytes; want 1 to 32");
  }
  label.fill(' ');
  std::copy(token.label.begin(), token.label.end(), label.begin());
  SR_ASSIGN_OR_RETURN(std::unique_ptr<Module> module,
                      Module::Load(token.module_path, ""));
  SR_ASSIGN_OR_RETURN(const Token fresh, module->FindUninitialized());
  SR_RETURN_IF_ERROR(Answered(
      "C_InitToken", module->functions().C_InitToken(
                         fresh.slot, Mutable(token.officer_pin.Expose()),
                         token.officer_pin.size(), label.data())));
  return SetUserPin(*module, fresh.slot, token);
}

}  // namespace strongroom::hsm
