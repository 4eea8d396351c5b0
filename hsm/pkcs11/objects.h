// Objects on the token: the KEK's template, its verification, enumeration.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hsm/pkcs11/session.h"
#include "strongroom/base/names.h"
#include "strongroom/hsm/device.h"
#include "strongroom/hsm/profile.h"

namespace strongroom::hsm {

enum class KekLifetime { kToken, kSession };

// GenerateKek makes the AES-256 key of hsm/README.md's asset table. A kSession
// one dies with its session and serves the self-test.
CK_RV GenerateKek(const Session& session, const Profile& profile,
                  const Uuid& id, std::string_view label, KekLifetime lifetime,
                  CK_OBJECT_HANDLE* key);

// VerifyKek reads the attributes back: *fault is empty, or names the first one
// that is not what GenerateKek asked for.
CK_RV VerifyKek(const Session& session, CK_OBJECT_HANDLE key, const Uuid& id,
                std::string* fault);

// FindKeks gives the AES token keys with this CKA_ID: none, one, or (somebody
// else's doing) several.
CK_RV FindKeks(const Session& session, const Uuid& id,
               std::vector<CK_OBJECT_HANDLE>* found);

// FindById gives every object with this CKA_ID, whatever it is.
CK_RV FindById(const Session& session, const Uuid& id,
               std::vector<CK_OBJECT_HANDLE>* found);

// EnumerateKeks maps every 16-byte CKA_ID of an AES token key to its handle.
// Ids that occur twice are left out: only a known answer can tell those apart.
CK_RV EnumerateKeks(const Session& session,
                    std::map<Uuid, CK_OBJECT_HANDLE>* keks);

CK_RV ListObjects(const Session& session, std::vector<TokenObject>* objects);

}  // namespace strongroom::hsm
