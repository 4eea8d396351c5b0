// ObjectTable: the token that FakeDevices work on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "strongroom/base/mutex.h"
#include "strongroom/base/names.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/hsm/device.h"

namespace strongroom::testing {

// ObjectTable is the token: it survives the devices that use it. Thread-safe.
class ObjectTable {
 public:
  // AddForeign puts an object on the token that no store of ours made. An empty
  // id is allowed, as on a real token.
  void AddForeign(ByteView id, std::string_view label) SR_EXCLUDES(mutex_);
  // AddKek puts a KEK there as CreateKek would; false if the id exists.
  bool AddKek(const Uuid& id, std::string_view label) SR_EXCLUDES(mutex_);
  // Remove takes every object with this id away; false if there was none.
  bool Remove(const Uuid& id) SR_EXCLUDES(mutex_);
  // ReplaceKey keeps id and label but makes it another key, as a token does
  // that was initialised again. False if there is no such KEK.
  bool ReplaceKey(const Uuid& id) SR_EXCLUDES(mutex_);

  // AddSigningKey puts a P-256 key there, as the DER of its private half; false
  // if the id exists. RemoveSigningKey is false if anything else has the id.
  bool AddSigningKey(const Uuid& id, std::string_view label, SecretBytes der)
      SR_EXCLUDES(mutex_);
  bool RemoveSigningKey(const Uuid& id, std::string_view label)
      SR_EXCLUDES(mutex_);
  // CopySigningKey gives the DER back, or none.
  SecretBytes CopySigningKey(const Uuid& id) const SR_EXCLUDES(mutex_);

  // CutOff makes a KEK say that it was not generated to the end; what the
  // device answers to its use is the test's to say. False if it is not there.
  bool CutOff(const Uuid& id) SR_EXCLUDES(mutex_);

  bool Contains(const Uuid& id) const SR_EXCLUDES(mutex_);
  size_t size() const SR_EXCLUDES(mutex_);
  std::vector<hsm::TokenObject> List() const SR_EXCLUDES(mutex_);
  // CopyKey gives a KEK's bytes, or none if it is not there. Only FakeDevice
  // has business with them.
  SecretBytes CopyKey(const Uuid& id) const SR_EXCLUDES(mutex_);

 private:
  struct Object {
    Bytes id;
    std::string label;
    SecretBytes key;  // empty for foreign objects
    bool local = true;
    SecretBytes signing_key = SecretBytes();  // empty for all but those
  };
  const Object* Find(ByteView id) const SR_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::vector<Object> objects_ SR_GUARDED_BY(mutex_);
};

}  // namespace strongroom::testing
