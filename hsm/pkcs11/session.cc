#include "hsm/pkcs11/session.h"

#include <utility>

namespace strongroom::hsm {
namespace {

// Handles asked for at once: a network token pays for every page.
constexpr CK_ULONG kPage = 512;
// No attribute we read is longer; a token that claims so is not believed.
constexpr CK_ULONG kMaxAttribute = 64 * 1024;

}  // namespace

bool SessionHandles::Claim(CK_SESSION_HANDLE handle) {
  MutexLock lock(mutex_);
  return claimed_.insert(handle).second;
}

void SessionHandles::Release(CK_SESSION_HANDLE handle) {
  MutexLock lock(mutex_);
  claimed_.erase(handle);
}

CK_RV Session::Open(const CK_FUNCTION_LIST& functions, SessionHandles& handles,
                    CK_SLOT_ID slot, bool read_write, Session* out) {
  const CK_FLAGS flags = CKF_SERIAL_SESSION | (read_write ? CKF_RW_SESSION : 0);
  // Kept open until a free number came, or the token would give them again.
  // Closed then, they tell their old owners that their sessions are gone.
  std::vector<CK_SESSION_HANDLE> others;
  CK_SESSION_HANDLE handle = 0;
  CK_RV rv = CKR_OK;
  for (;;) {
    rv = functions.C_OpenSession(slot, flags, nullptr, nullptr, &handle);
    if (rv != CKR_OK || handles.Claim(handle)) break;
    others.push_back(handle);
  }
  for (CK_SESSION_HANDLE other : others) functions.C_CloseSession(other);
  if (rv != CKR_OK) return rv;
  out->Close();
  out->functions_ = &functions;
  out->handles_ = &handles;
  out->handle_ = handle;
  return CKR_OK;
}

Session& Session::operator=(Session&& other) noexcept {
  if (this != &other) {
    Close();
    functions_ = std::exchange(other.functions_, nullptr);
    handles_ = other.handles_;
    handle_ = other.handle_;
  }
  return *this;
}

void Session::Close() {
  if (!is_open()) return;
  // Before the number is free for others here.
  functions_->C_CloseSession(handle_);
  Drop();
}

void Session::Drop() {
  if (!is_open()) return;
  handles_->Release(handle_);
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
