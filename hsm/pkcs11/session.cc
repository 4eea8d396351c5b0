#include "hsm/pkcs11/session.h"

#include <algorithm>
#include <utility>

namespace strongroom::hsm {
namespace {

// Handles asked for at once: a network token pays for every page.
constexpr CK_ULONG kPage = 512;
// What a token claims beyond these is not believed: a search that never ends,
// and an attribute that is longer than any we read.
constexpr size_t kMaxObjects = 1 << 20;
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
    handle = CK_INVALID_HANDLE;
    rv = functions.C_OpenSession(slot, flags, nullptr, nullptr, &handle);
    if (rv != CKR_OK) break;
    // A number that is open, or none: it would go on like that for ever.
    if (handle == CK_INVALID_HANDLE ||
        std::ranges::find(others, handle) != others.end()) {
      rv = CKR_FUNCTION_FAILED;
      break;
    }
    if (handles.Claim(handle)) break;
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
  std::vector<CK_OBJECT_HANDLE> page(kPage);
  for (;;) {
    CK_ULONG count = 0;
    rv = functions_->C_FindObjects(handle_, page.data(), kPage, &count);
    if (rv != CKR_OK || count == 0) break;
    if (count > kPage || found->size() + count > kMaxObjects) {
      rv = CKR_FUNCTION_FAILED;
      break;
    }
    found->insert(found->end(), page.data(), page.data() + count);
  }
  CK_RV final_rv = functions_->C_FindObjectsFinal(handle_);
  if (rv == CKR_OK) rv = final_rv;
  if (rv != CKR_OK) found->clear();
  return rv;
}

CK_RV Session::ReadBytes(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                         Bytes* out) const {
  out->clear();
  CK_ATTRIBUTE attribute = {type, nullptr, 0};
  CK_RV rv = functions_->C_GetAttributeValue(handle_, object, &attribute, 1);
  if (rv != CKR_OK) return rv;
  // Also CK_UNAVAILABLE_INFORMATION, which is the largest number there is.
  if (attribute.ulValueLen > kMaxAttribute) return CKR_ATTRIBUTE_TYPE_INVALID;
  if (attribute.ulValueLen == 0) return CKR_OK;
  Bytes value(attribute.ulValueLen);
  attribute.pValue = value.data();
  rv = functions_->C_GetAttributeValue(handle_, object, &attribute, 1);
  if (rv == CKR_BUFFER_TOO_SMALL) return CKR_ATTRIBUTE_TYPE_INVALID;
  if (rv != CKR_OK) return rv;
  if (attribute.ulValueLen > value.size()) return CKR_ATTRIBUTE_TYPE_INVALID;
  value.resize(attribute.ulValueLen);
  *out = std::move(value);
  return CKR_OK;
}

CK_RV Session::ReadFixed(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                         void* out, CK_ULONG size) const {
  CK_ATTRIBUTE attribute = {type, out, size};
  CK_RV rv = functions_->C_GetAttributeValue(handle_, object, &attribute, 1);
  if (rv != CKR_OK) return rv;
  return attribute.ulValueLen == size ? CKR_OK : CKR_ATTRIBUTE_TYPE_INVALID;
}

CK_RV Session::ReadNumber(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                          CK_ULONG* out) const {
  CK_ULONG value = 0;
  CK_RV rv = ReadFixed(object, type, &value, sizeof value);
  if (rv == CKR_OK) *out = value;
  return rv;
}

CK_RV Session::ReadBool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                        bool* out) const {
  CK_BBOOL value = CK_FALSE;
  CK_RV rv = ReadFixed(object, type, &value, sizeof value);
  if (rv == CKR_OK) *out = value != CK_FALSE;
  return rv;
}

}  // namespace strongroom::hsm
