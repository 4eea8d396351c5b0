#include "hsm/pkcs11/objects.h"

#include <set>

#include "hsm/pkcs11/attributes.h"

namespace strongroom::hsm {
namespace {

constexpr CK_ULONG kKekSize = 32;
CK_OBJECT_CLASS g_secret_key = CKO_SECRET_KEY;
CK_KEY_TYPE g_aes = CKK_AES;
CK_ULONG g_kek_size = kKekSize;
CK_MECHANISM_TYPE g_gcm = CKM_AES_GCM;

// What a KEK must say of itself once it exists.
constexpr WantedFlag kWantedFlags[] = {
    {CKA_TOKEN, true, "CKA_TOKEN"},
    {CKA_PRIVATE, true, "CKA_PRIVATE"},
    {CKA_SENSITIVE, true, "CKA_SENSITIVE"},
    {CKA_ALWAYS_SENSITIVE, true, "CKA_ALWAYS_SENSITIVE"},
    {CKA_EXTRACTABLE, false, "CKA_EXTRACTABLE"},
    {CKA_NEVER_EXTRACTABLE, true, "CKA_NEVER_EXTRACTABLE"},
    {CKA_MODIFIABLE, false, "CKA_MODIFIABLE"},
    {CKA_ENCRYPT, true, "CKA_ENCRYPT"},
    {CKA_DECRYPT, true, "CKA_DECRYPT"},
    {CKA_WRAP, false, "CKA_WRAP"},
    {CKA_UNWRAP, false, "CKA_UNWRAP"},
    {CKA_SIGN, false, "CKA_SIGN"},
    {CKA_VERIFY, false, "CKA_VERIFY"},
    {CKA_DERIVE, false, "CKA_DERIVE"},
};

std::string ClassName(CK_OBJECT_CLASS object_class) {
  switch (object_class) {
    case CKO_DATA:
      return "data";
    case CKO_CERTIFICATE:
      return "certificate";
    case CKO_PUBLIC_KEY:
      return "public-key";
    case CKO_PRIVATE_KEY:
      return "private-key";
    case CKO_SECRET_KEY:
      return "secret-key";
    default:
      return "class " + std::to_string(object_class);
  }
}

std::string KeyTypeName(CK_KEY_TYPE type, CK_ULONG size) {
  switch (type) {
    case CKK_AES:
      return size == 0 ? "AES" : "AES-" + std::to_string(8 * size);
    case CKK_RSA:
      return "RSA";
    case CKK_EC:
      return "EC";
    case CKK_GENERIC_SECRET:
      return "generic secret";
    default:
      return "key type " + std::to_string(type);
  }
}

// Reads one object; attributes it does not have keep their defaults.
CK_RV ReadObject(const Session& session, CK_OBJECT_HANDLE handle,
                 TokenObject* object) {
  CK_OBJECT_CLASS object_class = 0;
  CK_RV rv = session.ReadNumber(handle, CKA_CLASS, &object_class);
  if (IsAbsent(rv) || rv == CKR_ATTRIBUTE_VALUE_INVALID) {
    // What a token can leave that died while somebody made an object. One such
    // must not hide the others.
    object->object_class = "unreadable";
    return CKR_OK;
  }
  if (rv != CKR_OK) return rv;
  object->object_class = ClassName(object_class);
  Bytes label;
  rv = session.ReadBytes(handle, CKA_LABEL, &label);
  if (rv != CKR_OK && !IsAbsent(rv)) return rv;
  object->label = std::string(AsText(label));
  rv = session.ReadBytes(handle, CKA_ID, &object->id);
  if (rv != CKR_OK && !IsAbsent(rv)) return rv;
  CK_KEY_TYPE type = 0;
  if (session.ReadNumber(handle, CKA_KEY_TYPE, &type) == CKR_OK) {
    CK_ULONG size = 0;
    if (session.ReadNumber(handle, CKA_VALUE_LEN, &size) != CKR_OK) size = 0;
    object->key_type = KeyTypeName(type, size);
  }
  const struct {
    CK_ATTRIBUTE_TYPE type;
    bool* out;
  } flags[] = {{CKA_SENSITIVE, &object->sensitive},
               {CKA_EXTRACTABLE, &object->extractable},
               {CKA_NEVER_EXTRACTABLE, &object->never_extractable},
               {CKA_MODIFIABLE, &object->modifiable},
               {CKA_LOCAL, &object->local}};
  for (const auto& flag : flags) {
    rv = session.ReadBool(handle, flag.type, flag.out);
    if (rv != CKR_OK && !IsAbsent(rv)) return rv;
  }
  return CKR_OK;
}

}  // namespace

CK_RV GenerateKek(const Session& session, const Profile& profile,
                  const Uuid& id, std::string_view label, KekLifetime lifetime,
                  CK_OBJECT_HANDLE* key) {
  std::vector<CK_ATTRIBUTE> wanted = {
      {CKA_CLASS, &g_secret_key, sizeof g_secret_key},
      {CKA_KEY_TYPE, &g_aes, sizeof g_aes},
      {CKA_VALUE_LEN, &g_kek_size, sizeof g_kek_size},
      // In the template, not set afterwards: a crash in between would leave an
      // object that nobody can tell the owner of.
      {CKA_ID, Mutable(id.bytes()), Uuid::kSize},
      {CKA_LABEL, Mutable(AsBytes(label)), label.size()},
      Flag(CKA_TOKEN, lifetime == KekLifetime::kToken),
      Flag(CKA_PRIVATE, true),
      Flag(CKA_SENSITIVE, true),
      Flag(CKA_EXTRACTABLE, false),
      Flag(CKA_MODIFIABLE, false),
      Flag(CKA_ENCRYPT, true),
      Flag(CKA_DECRYPT, true),
      Flag(CKA_WRAP, false),
      Flag(CKA_UNWRAP, false),
      Flag(CKA_SIGN, false),
      Flag(CKA_VERIFY, false),
      Flag(CKA_DERIVE, false),
  };
  if (profile.allowed_mechanisms) {
    wanted.push_back({CKA_ALLOWED_MECHANISMS, &g_gcm, sizeof g_gcm});
  }
  CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, nullptr, 0};
  return session.functions().C_GenerateKey(session.handle(), &mechanism,
                                           wanted.data(), wanted.size(), key);
}

CK_RV VerifyKek(const Session& session, CK_OBJECT_HANDLE key, const Uuid& id,
                std::string* fault) {
  CK_RV rv = CheckFlags(session, key, kWantedFlags, fault);
  if (rv != CKR_OK || !fault->empty()) return rv;
  Bytes found_id;
  rv = session.ReadBytes(key, CKA_ID, &found_id);
  if (rv != CKR_OK) return rv;
  CK_ULONG size = 0;
  rv = session.ReadNumber(key, CKA_VALUE_LEN, &size);
  if (rv != CKR_OK) return rv;
  if (found_id != ToBytes(id.bytes())) {
    *fault = "CKA_ID is " + ToHex(found_id) + "; want " + ToHex(id.bytes());
  } else if (size != kKekSize) {
    *fault = "CKA_VALUE_LEN is " + std::to_string(size) + "; want 32";
  }
  return CKR_OK;
}

CK_RV FindKeks(const Session& session, const Uuid& id,
               std::vector<CK_OBJECT_HANDLE>* found) {
  CK_ATTRIBUTE wanted[] = {
      {CKA_CLASS, &g_secret_key, sizeof g_secret_key},
      {CKA_KEY_TYPE, &g_aes, sizeof g_aes},
      Flag(CKA_TOKEN, true),
      {CKA_ID, Mutable(id.bytes()), Uuid::kSize},
  };
  return session.Find(wanted, found);
}

CK_RV FindById(const Session& session, const Uuid& id,
               std::vector<CK_OBJECT_HANDLE>* found) {
  CK_ATTRIBUTE wanted[] = {{CKA_ID, Mutable(id.bytes()), Uuid::kSize}};
  return session.Find(wanted, found);
}

CK_RV EnumerateKeks(const Session& session,
                    std::map<Uuid, CK_OBJECT_HANDLE>* keks) {
  CK_ATTRIBUTE wanted[] = {
      {CKA_CLASS, &g_secret_key, sizeof g_secret_key},
      {CKA_KEY_TYPE, &g_aes, sizeof g_aes},
      Flag(CKA_TOKEN, true),
  };
  std::vector<CK_OBJECT_HANDLE> handles;
  CK_RV rv = session.Find(wanted, &handles);
  if (rv != CKR_OK) return rv;
  std::set<Uuid> twice;
  for (CK_OBJECT_HANDLE handle : handles) {
    Bytes bytes;
    rv = session.ReadBytes(handle, CKA_ID, &bytes);
    // Gone since: another process destroys what it owns.
    if (rv == CKR_OBJECT_HANDLE_INVALID || IsAbsent(rv)) continue;
    if (rv != CKR_OK) return rv;
    StatusOr<Uuid> id = Uuid::FromBytes(bytes);
    if (!id.ok()) continue;
    if (!keks->emplace(*id, handle).second) twice.insert(*id);
  }
  for (const Uuid& id : twice) keks->erase(id);
  return CKR_OK;
}

CK_RV ListObjects(const Session& session, std::vector<TokenObject>* objects) {
  std::vector<CK_OBJECT_HANDLE> handles;
  CK_RV rv = session.Find({}, &handles);
  if (rv != CKR_OK) return rv;
  for (CK_OBJECT_HANDLE handle : handles) {
    TokenObject object;
    rv = ReadObject(session, handle, &object);
    if (rv == CKR_OBJECT_HANDLE_INVALID) continue;
    if (rv != CKR_OK) return rv;
    objects->push_back(std::move(object));
  }
  return CKR_OK;
}

}  // namespace strongroom::hsm
