// Usage: what versions issue that is not registered, and when they were last
// used.
//
// Wraps are reserved in the store ahead of use, as many again as there were,
// so that a version costs a transaction for each doubling and no more. What is
// left is given back by Close; a crash over-counts by it.
#pragma once

#include <vector>

#include "keyring/dependents.h"
#include "keyring/parts.h"

namespace strongroom::keyring {

// Thread-safe, but for FlushNowAndThen and Close, which one timer calls. The
// promises of the first three are Keyring's.
class Usage {
 public:
  explicit Usage(const KeyringParts& parts) : parts_(parts) {}

  Status CountIssued(const Uuid& key_id, uint32_t version, uint64_t wraps);
  void NoteOpened(const Uuid& key_id, uint32_t version);
  StatusOr<std::vector<Traces>> TracesOf(const Uuid& key_id) const;
  // LiveTracesOf is what the store does not know yet of a version.
  LiveTraces LiveTracesOf(const Uuid& key_id, uint32_t version) const;

  // FlushNowAndThen stores times of last use, once a minute.
  void FlushNowAndThen();
  void Close();

 private:
  Status Reserve(const Uuid& key_id, uint32_t number, LiveVersion& live,
                 uint64_t wraps);
  Status Store(bool give_back);

  const KeyringParts& parts_;
  SteadyTime next_flush_{};
};

}  // namespace strongroom::keyring
