#include "tests/testing/raw_token.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace strongroom::testing {
namespace {

void Check(CK_RV result, const char* what) {
  if (result == CKR_OK) return;
  std::fprintf(stderr, "RawToken: %s gave 0x%lx\n", what, result);
  std::abort();
}

CK_ATTRIBUTE Attribute(CK_ATTRIBUTE_TYPE type, ByteView value) {
  return {type, const_cast<uint8_t*>(value.data()), value.size()};
}

template <typename T>
CK_ATTRIBUTE Attribute(CK_ATTRIBUTE_TYPE type, const T* value) {
  return {type, const_cast<T*>(value), sizeof(T)};
}

}  // namespace

class RawToken::Session {
 public:
  explicit Session(const hsm::Pkcs11Options& options) {
    void* library = dlopen(options.module_path.c_str(), RTLD_NOW | RTLD_LOCAL);
    auto entry = library == nullptr ? nullptr
                                    : reinterpret_cast<CK_C_GetFunctionList>(
                                          dlsym(library, "C_GetFunctionList"));
    if (entry == nullptr) Check(CKR_GENERAL_ERROR, "loading the module");
    Check(entry(&p11_), "C_GetFunctionList");
    Check(p11_->C_OpenSession(SlotOf(options.token_label),
                              CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr,
                              nullptr, &session_),
          "C_OpenSession");
  }
  ~Session() { p11_->C_CloseSession(session_); }

  CK_FUNCTION_LIST* operator->() const { return p11_; }
  CK_SESSION_HANDLE handle() const { return session_; }

  std::vector<CK_OBJECT_HANDLE> Find(std::vector<CK_ATTRIBUTE> pattern) const {
    Check(p11_->C_FindObjectsInit(session_, pattern.data(), pattern.size()),
          "C_FindObjectsInit");
    std::vector<CK_OBJECT_HANDLE> found(4096);
    CK_ULONG count = 0;
    Check(p11_->C_FindObjects(session_, found.data(), found.size(), &count),
          "C_FindObjects");
    Check(p11_->C_FindObjectsFinal(session_), "C_FindObjectsFinal");
    found.resize(count);
    return found;
  }

  // A flag the object does not have counts as false.
  bool ReadFlag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
    CK_BBOOL value = CK_FALSE;
    CK_ATTRIBUTE attribute = {type, &value, sizeof(value)};
    const CK_RV result =
        p11_->C_GetAttributeValue(session_, object, &attribute, 1);
    if (result == CKR_ATTRIBUTE_TYPE_INVALID) return false;
    Check(result, "C_GetAttributeValue");
    return value != CK_FALSE;
  }

  // An attribute the object does not have counts as empty.
  bool IsEmpty(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
    CK_ATTRIBUTE attribute = {type, nullptr, 0};
    const CK_RV result =
        p11_->C_GetAttributeValue(session_, object, &attribute, 1);
    return result != CKR_OK || attribute.ulValueLen == 0;
  }

 private:
  CK_SLOT_ID SlotOf(const std::string& label) const {
    std::vector<CK_SLOT_ID> slots(64);
    CK_ULONG count = slots.size();
    Check(p11_->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
    for (CK_ULONG i = 0; i < count; ++i) {
      CK_TOKEN_INFO info = {};
      if (p11_->C_GetTokenInfo(slots[i], &info) != CKR_OK) continue;
      std::string found(reinterpret_cast<char*>(info.label),
                        sizeof(info.label));
      found.erase(found.find_last_not_of(' ') + 1);
      if (found == label) return slots[i];
    }
    Check(CKR_TOKEN_NOT_PRESENT, "finding the token");
    return 0;
  }

  CK_FUNCTION_LIST* p11_ = nullptr;
  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
};

RawToken::RawToken(const hsm::Pkcs11Options& options)
    : session_(std::make_unique<Session>(options)) {}
RawToken::~RawToken() = default;

RawKey RawToken::ReadKey(ByteView id) {
  Session& session = *session_;
  RawKey key;
  const auto objects = session.Find({Attribute(CKA_ID, id)});
  key.objects_with_id = objects.size();
  if (objects.size() != 1) return key;
  const CK_OBJECT_HANDLE object = objects[0];
  key.token = session.ReadFlag(object, CKA_TOKEN);
  key.is_private = session.ReadFlag(object, CKA_PRIVATE);
  key.sensitive = session.ReadFlag(object, CKA_SENSITIVE);
  key.extractable = session.ReadFlag(object, CKA_EXTRACTABLE);
  key.never_extractable = session.ReadFlag(object, CKA_NEVER_EXTRACTABLE);
  key.modifiable = session.ReadFlag(object, CKA_MODIFIABLE);
  key.may_encrypt = session.ReadFlag(object, CKA_ENCRYPT);
  key.may_decrypt = session.ReadFlag(object, CKA_DECRYPT);
  key.may_do_more = false;
  for (const CK_ATTRIBUTE_TYPE use :
       {CKA_WRAP, CKA_UNWRAP, CKA_SIGN, CKA_VERIFY, CKA_DERIVE}) {
    key.may_do_more |= session.ReadFlag(object, use);
  }
  uint8_t value[32] = {};
  CK_ATTRIBUTE wanted = {CKA_VALUE, value, sizeof(value)};
  key.value_refused =
      session->C_GetAttributeValue(session.handle(), object, &wanted, 1) ==
      CKR_ATTRIBUTE_SENSITIVE;
  const CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE looser = Attribute(CKA_EXTRACTABLE, &yes);
  key.making_extractable_refused =
      session->C_SetAttributeValue(session.handle(), object, &looser, 1) !=
      CKR_OK;
  return key;
}

void RawToken::AddKey(ByteView id, std::string_view label) {
  const CK_BBOOL yes = CK_TRUE;
  const CK_BBOOL no = CK_FALSE;
  const CK_ULONG size = 32;
  CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, nullptr, 0};
  std::vector<CK_ATTRIBUTE> attributes = {
      Attribute(CKA_TOKEN, &yes),          Attribute(CKA_PRIVATE, &yes),
      Attribute(CKA_ENCRYPT, &yes),        Attribute(CKA_DECRYPT, &yes),
      Attribute(CKA_SENSITIVE, &no),       Attribute(CKA_EXTRACTABLE, &yes),
      Attribute(CKA_VALUE_LEN, &size),     Attribute(CKA_ID, id),
      Attribute(CKA_LABEL, AsBytes(label))};
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  Check((*session_)->C_GenerateKey(session_->handle(), &mechanism,
                                   attributes.data(), attributes.size(), &key),
        "C_GenerateKey");
}

void RawToken::Destroy(ByteView id) {
  for (const CK_OBJECT_HANDLE object :
       session_->Find({Attribute(CKA_ID, id)})) {
    Check((*session_)->C_DestroyObject(session_->handle(), object),
          "C_DestroyObject");
  }
}

void RawToken::DestroyHalf(ByteView id, Half half) {
  const CK_OBJECT_CLASS which =
      half == Half::kPrivate ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY;
  for (const CK_OBJECT_HANDLE object :
       session_->Find({Attribute(CKA_ID, id), Attribute(CKA_CLASS, &which)})) {
    Check((*session_)->C_DestroyObject(session_->handle(), object),
          "C_DestroyObject");
  }
}

size_t RawToken::CountObjects() { return session_->Find({}).size(); }

size_t RawToken::CountNameless() {
  size_t count = 0;
  for (const CK_OBJECT_HANDLE object : session_->Find({})) {
    count += session_->IsEmpty(object, CKA_ID) &&
             session_->IsEmpty(object, CKA_LABEL);
  }
  return count;
}

}  // namespace strongroom::testing
