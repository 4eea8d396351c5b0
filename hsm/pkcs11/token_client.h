// TokenClient: what is done on one token, each as one call on a worker.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "hsm/pkcs11/kek_prover.h"
#include "hsm/pkcs11/kek_table.h"
#include "hsm/pkcs11/signing_keys.h"
#include "hsm/pkcs11/token_link.h"
#include "strongroom/hsm/device.h"

namespace strongroom::hsm {

// TokenClient is thread-safe; its members block in the token and belong on a
// worker. Device says what each promises.
class TokenClient {
 public:
  TokenClient(std::unique_ptr<Module> module, TokenLink::Options options);

  SealAnswer Seal(WorkerSession& worker, const Uuid& kek, ByteView aad,
                  ByteView secret);
  Status Open(WorkerSession& worker, const Uuid& kek, ByteView aad,
              ByteView sealed, SecretBytes* secret);
  Status CreateKek(WorkerSession& worker, const Uuid& id,
                   std::string_view label);
  Status Prove(WorkerSession& worker, const Uuid& id);
  Status DestroyKek(WorkerSession& worker, const Uuid& id);
  Status List(WorkerSession& worker, std::vector<TokenObject>* objects);
  Status Probe(WorkerSession& worker);

  TokenLink& link() { return link_; }
  const TokenLink& link() const { return link_; }
  KekTable& keks() { return keks_; }
  SigningKeys& signing_keys() { return signing_keys_; }

 private:
  Step CreateOn(const Session& session, const Uuid& id, std::string_view label);
  Step DestroyOn(const Session& session, const Uuid& id);

  KekTable keks_;
  TokenLink link_;
  KekProver prover_;
  SigningKeys signing_keys_;
};

}  // namespace strongroom::hsm
