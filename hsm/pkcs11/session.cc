#include "hsm/pkcs11/session.h"

#include <utility>

namespace strongroom::hsm {
namespace {

// Handles asked for at once: a network token pays for every page.
constexpr CK_ULONG kPage = 512;
// No attribute we read is longer; a token that claims so is not believed.
constexpr CK_ULONG kMaxAttribute = 64 * 1024;

}  // namespace

CK_RV Session::Open(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot,
                    bool read_write, Session* out) {
  CK_FLAGS flags = CKF_SERIAL_SESSION | (read_write ? CKF_RW_SESSION : 0);
  Session session;
  CK_RV rv =
      functions.C_OpenSession(slot, flags, nullptr, nullptr, &session.handle_);
  if (rv != CKR_OK) return rv;
  session.functions_ = &functions;
  *out = std::move(session);
  return CKR_OK;
}

Session& Session::operator=(Session&& other) noexcept {
  if (this != &other) {
    Close();
    functions_ = std::exchange(other.functions_, nullptr);
    handle_ = std::exchange(other.handle_, 0);
  }
  return *this;
}

void Session::Close() {
  if (!is_open()) return;
  // A session that is dead already says so, and is closed all the same.
  functions_->C_CloseSession(handle_);
  functions_ = nullptr;
}

CK_RV Session::IsLoggedIn(bool* logged_in) const {
  CK_SESSION_INFO info = {};
  CK_RV rv = functions_->C_GetSessionInfo(handle_, &info);
  *logged_in = rv == CKR_OK && (info.state == CKS_RO_USER_FUNCTIONS ||
                                info.state == CKS_RW_USER_FUNCTIONS);
  return rv;
}

CK_RV Session::Find(std::span<CK_ATTRIBUTE> wanted,
                    std::vector<CK_OBJECT_HANDLE>* found) const {
  found->clear();
  CK_RV rv =
      functions_->C_FindObjectsInit(handle_, wanted.data(), wanted.size());
  if (rv != CKR_OK) return rv;
  for (;;) {
    const size_t before = found->size();
    found->resize(before + kPage);
    CK_ULONG count = 0;
    rv = functions_->C_FindObjects(handle_, found->data() + before, kPage,
                                   &count);
    if (rv != CKR_OK) count = 0;
    found->resize(before + (count < kPage ? count : kPage));
    if (count == 0) break;
  }
  CK_RV final_rv = functions_->C_FindObjectsFinal(handle_);
  return rv != CKR_OK ? rv : final_rv;
}

CK_RV Session::ReadBytes(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                         Bytes* out) const {
  CK_ATTRIBUTE attribute = {type, nullptr, 0};
  CK_RV rv = functions_->C_GetAttributeValue(handle_, object, &attribute, 1);
  if (rv != CKR_OK) return rv;
  if (attribute.ulValueLen == kCkUnavailable) return CKR_ATTRIBUTE_TYPE_INVALID;
  if (attribute.ulValueLen > kMaxAttribute) return CKR_FUNCTION_FAILED;
  out->resize(attribute.ulValueLen);
  if (out->empty()) return CKR_OK;
  attribute.pValue = out->data();
  rv = functions_->C_GetAttributeValue(handle_, object, &attribute, 1);
  if (rv == CKR_OK) out->resize(attribute.ulValueLen);
  return rv;
}

CK_RV Session::ReadNumber(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                          CK_ULONG* out) const {
  CK_ATTRIBUTE attribute = {type, out, sizeof *out};
  return functions_->C_GetAttributeValue(handle_, object, &attribute, 1);
}

CK_RV Session::ReadBool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                        bool* out) const {
  CK_BBOOL value = CK_FALSE;
  CK_ATTRIBUTE attribute = {type, &value, sizeof value};
  CK_RV rv = functions_->C_GetAttributeValue(handle_, object, &attribute, 1);
  if (rv == CKR_OK) *out = value != CK_FALSE;
  return rv;
}

}  // namespace strongroom::hsm
