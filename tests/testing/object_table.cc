#include "tests/testing/object_table.h"

#include <algorithm>
#include <utility>

#include "strongroom/base/random.h"

namespace strongroom::testing {
namespace {

constexpr size_t kKekSize = 32;

SecretBytes NewKey() {
  SecretBytes key(kKekSize);
  FillRandom(key.ExposeMutable());
  return key;
}

}  // namespace

void ObjectTable::AddForeign(ByteView id, std::string_view label) {
  MutexLock lock(mutex_);
  objects_.push_back({ToBytes(id), std::string(label), SecretBytes()});
}

bool ObjectTable::AddKek(const Uuid& id, std::string_view label) {
  MutexLock lock(mutex_);
  if (Find(id.bytes()) != nullptr) return false;
  objects_.push_back({ToBytes(id.bytes()), std::string(label), NewKey()});
  return true;
}

bool ObjectTable::Remove(const Uuid& id) {
  MutexLock lock(mutex_);
  return std::erase_if(objects_, [&](const Object& object) {
           return std::ranges::equal(object.id, id.bytes());
         }) > 0;
}

bool ObjectTable::ReplaceKey(const Uuid& id) {
  MutexLock lock(mutex_);
  for (Object& object : objects_) {
    if (!std::ranges::equal(object.id, id.bytes()) || object.key.empty()) {
      continue;
    }
    object.key = NewKey();
    return true;
  }
  return false;
}

bool ObjectTable::AddSigningKey(const Uuid& id, std::string_view label,
                                SecretBytes der) {
  MutexLock lock(mutex_);
  if (Find(id.bytes()) != nullptr) return false;
  objects_.push_back({.id = ToBytes(id.bytes()),
                      .label = std::string(label),
                      .key = SecretBytes(),
                      .signing_key = std::move(der)});
  return true;
}

bool ObjectTable::RemoveSigningKey(const Uuid& id, std::string_view label) {
  MutexLock lock(mutex_);
  const Object* object = Find(id.bytes());
  if (object == nullptr) return true;
  if (object->signing_key.empty() || object->label != label) return false;
  std::erase_if(objects_, [&](const Object& other) {
    return std::ranges::equal(other.id, id.bytes());
  });
  return true;
}

SecretBytes ObjectTable::CopySigningKey(const Uuid& id) const {
  MutexLock lock(mutex_);
  const Object* object = Find(id.bytes());
  if (object == nullptr) return SecretBytes();
  return SecretBytes::CopyOf(object->signing_key.Expose());
}

bool ObjectTable::CutOff(const Uuid& id) {
  MutexLock lock(mutex_);
  for (Object& object : objects_) {
    if (!std::ranges::equal(object.id, id.bytes())) continue;
    object.local = false;
    return true;
  }
  return false;
}

bool ObjectTable::Contains(const Uuid& id) const {
  MutexLock lock(mutex_);
  return Find(id.bytes()) != nullptr;
}

size_t ObjectTable::size() const {
  MutexLock lock(mutex_);
  return objects_.size();
}

std::vector<hsm::TokenObject> ObjectTable::List() const {
  MutexLock lock(mutex_);
  std::vector<hsm::TokenObject> list;
  for (const Object& object : objects_) {
    hsm::TokenObject shown;
    shown.id = object.id;
    shown.label = object.label;
    const bool kek = !object.key.empty();
    const bool signs = !object.signing_key.empty();
    shown.object_class = kek ? "secret-key" : signs ? "private-key" : "data";
    shown.key_type = kek ? "AES-256" : signs ? "EC" : "";
    shown.sensitive = kek || signs;
    shown.extractable = !shown.sensitive;
    shown.never_extractable = shown.sensitive;
    shown.modifiable = !kek;
    shown.local = object.local;
    list.push_back(std::move(shown));
  }
  return list;
}

SecretBytes ObjectTable::CopyKey(const Uuid& id) const {
  MutexLock lock(mutex_);
  const Object* object = Find(id.bytes());
  if (object == nullptr) return SecretBytes();
  return SecretBytes::CopyOf(object->key.Expose());
}

const ObjectTable::Object* ObjectTable::Find(ByteView id) const {
  for (const Object& object : objects_) {
    if (std::ranges::equal(object.id, id)) return &object;
  }
  return nullptr;
}

}  // namespace strongroom::testing
