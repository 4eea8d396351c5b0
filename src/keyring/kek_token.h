// KekToken: what the keyring does on the token, in terms of version rows.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "strongroom/base/clock.h"
#include "strongroom/hsm/device.h"
#include "strongroom/store/store.h"

namespace strongroom::keyring {

// Inventory is one enumeration of the token, sorted out.
struct Inventory {
  // Secret keys by CKA_ID.
  std::map<Uuid, hsm::TokenObject> keks;
  // Every object with a label of this installation, whatever it is.
  std::vector<hsm::TokenObject> labelled;
  // Objects with a label of another installation.
  int foreign = 0;
  // The highest version number in those labels, by key.
  std::map<Uuid, uint32_t> highest;
};

// Thread-safe, as the device is. Everything but Adopt blocks.
class KekToken {
 public:
  KekToken(hsm::Device& device, const Clock& clock, const Uuid& installation)
      : device_(device), clock_(clock), installation_(installation) {}

  std::string LabelOf(const store::VersionRow& row) const;
  StatusOr<Inventory> TakeInventory() const;
  // IsProper: is this the KEK that Create would have made for the row?
  bool IsProper(const hsm::TokenObject& object,
                const store::VersionRow& row) const;

  Status Create(const store::VersionRow& row) const;
  // SealKnownAnswer makes the blob that proves the KEK: one seal under it,
  // which the caller has counted. After MAY_HAVE_SEALED it makes a further one,
  // and takes that from `left`, as long as there is one.
  StatusOr<Bytes> SealKnownAnswer(const store::VersionRow& row,
                                  uint64_t* left) const;
  // Adopt tells the device the row's known answer.
  void Adopt(const store::VersionRow& row) const;
  // Prove: does the KEK's known answer open? KEK_NOT_ON_TOKEN.
  Status Prove(const store::VersionRow& row) const;
  // Destroy is OK if there is no such object. The row must be ours, and
  // PENDING or marked for destruction.
  Status Destroy(const store::VersionRow& row) const;

 private:
  hsm::SealAnswer SealOnce(const store::VersionRow& row,
                           SteadyTime deadline) const;

  hsm::Device& device_;
  const Clock& clock_;
  const Uuid installation_;
};

}  // namespace strongroom::keyring
