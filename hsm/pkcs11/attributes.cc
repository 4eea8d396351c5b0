#include "hsm/pkcs11/attributes.h"

namespace strongroom::hsm {
namespace {

CK_BBOOL g_true = CK_TRUE;
CK_BBOOL g_false = CK_FALSE;

}  // namespace

CK_ATTRIBUTE Flag(CK_ATTRIBUTE_TYPE type, bool value) {
  return {type, value ? &g_true : &g_false, sizeof(CK_BBOOL)};
}

bool IsAbsent(CK_RV rv) {
  return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE;
}

CK_RV CheckFlags(const Session& session, CK_OBJECT_HANDLE object,
                 std::span<const WantedFlag> wanted, std::string* fault) {
  for (const WantedFlag& flag : wanted) {
    bool value = !flag.value;
    CK_RV rv = session.ReadBool(object, flag.type, &value);
    if (rv != CKR_OK && !IsAbsent(rv)) return rv;
    if (value == flag.value) continue;
    *fault = std::string(flag.name) +
             (rv != CKR_OK ? " is not known to the token"
                           : (value ? " is true" : " is false")) +
             "; want " + (flag.value ? "true" : "false");
    return CKR_OK;
  }
  return CKR_OK;
}

}  // namespace strongroom::hsm
