// Session: one Cryptoki session, and the object calls on it.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "hsm/pkcs11/cryptoki.h"
#include "strongroom/base/bytes.h"
#include "strongroom/base/mutex.h"

namespace strongroom::hsm {

// SessionHandles are the handles that somebody in this process believes to own.
//
// A token that lost its sessions hands the same numbers out again. Two threads
// on one session mix their operations: one would get its secret sealed with the
// other's IV. So no session is used whose number another thread still holds.
// Thread-safe; one per module.
class SessionHandles {
 public:
  // Claim is false if the handle is claimed already.
  bool Claim(CK_SESSION_HANDLE handle) SR_EXCLUDES(mutex_);
  void Release(CK_SESSION_HANDLE handle) SR_EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  std::set<CK_SESSION_HANDLE> claimed_ SR_GUARDED_BY(mutex_);
};

// Session is move-only: two owners would close one handle twice, and a token
// may have given that handle to somebody else in between. One thread at a time.
class Session {
 public:
  // Open gives CKR_FUNCTION_FAILED for a module that opens one session twice.
  static CK_RV Open(const CK_FUNCTION_LIST& functions, SessionHandles& handles,
                    CK_SLOT_ID slot, bool read_write, Session* out);
  Session() = default;
  Session(Session&& other) noexcept { *this = std::move(other); }
  Session& operator=(Session&& other) noexcept;
  ~Session() { Close(); }

  // Drop is for a session that the token no longer knows: it is not closed,
  // because its number may be another's by now.
  void Drop();
  bool is_open() const { return functions_ != nullptr; }
  void Close();
  const CK_FUNCTION_LIST& functions() const { return *functions_; }
  CK_SESSION_HANDLE handle() const { return handle_; }

  // IsLoggedIn asks the token; the answer is in *logged_in.
  CK_RV IsLoggedIn(bool* logged_in) const;

  // Find gives the handles of every object that matches, fetched in pages.
  // CKR_FUNCTION_FAILED for a token that gives more than asked for, or more
  // than a million in all. After a failure *found is empty.
  CK_RV Find(std::span<CK_ATTRIBUTE> wanted,
             std::vector<CK_OBJECT_HANDLE>* found) const;

  // Attribute readers. CKR_ATTRIBUTE_TYPE_INVALID and _SENSITIVE mean that the
  // object has no such value to show; so it is with one of a size that the
  // attribute cannot have. After a failure *out is as before, or empty bytes.
  CK_RV ReadBytes(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                  Bytes* out) const;
  CK_RV ReadNumber(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                   CK_ULONG* out) const;
  CK_RV ReadBool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                 bool* out) const;

 private:
  CK_RV ReadFixed(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void* out,
                  CK_ULONG size) const;

  const CK_FUNCTION_LIST* functions_ = nullptr;
  SessionHandles* handles_ = nullptr;
  CK_SESSION_HANDLE handle_ = 0;
};

// IsSessionGone is true for answers that say the session does not exist.
inline bool IsSessionGone(CK_RV rv) {
  return rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_SESSION_CLOSED;
}

// Cryptoki's structures point to mutable memory even where it only reads.
inline unsigned char* Mutable(ByteView bytes) {
  return const_cast<unsigned char*>(bytes.data());
}

}  // namespace strongroom::hsm
