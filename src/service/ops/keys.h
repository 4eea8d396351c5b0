// Keys: made, shown, changed, rotated.
#pragma once

#include <span>

#include "service/operation.h"

namespace strongroom::service::ops {

extern const Operation<model::CreateKey, model::Key> kCreateKey;
extern const Operation<model::OfKey, model::Key> kGetKey;
extern const Operation<model::ListKeys, model::KeyPage, VisibleKeys> kListKeys;
extern const Operation<model::UpdateKey, model::Key> kUpdateKey;
extern const Operation<model::OfKey, model::Key> kRotateKey;
std::span<const Row> KeyRows();

StatusOr<model::Key> CreateKey(const auth::Permit& permit, Request& request,
                               const model::CreateKey& command);
StatusOr<model::Key> GetKey(const auth::Permit& permit, Request& request,
                            const model::OfKey& command);
StatusOr<model::KeyPage> ListKeys(const VisibleKeys& visible, Request& request,
                                  const model::ListKeys& command);
StatusOr<model::Key> UpdateKey(const auth::Permit& permit, Request& request,
                               const model::UpdateKey& command);
StatusOr<model::Key> RotateKey(const auth::Permit& permit, Request& request,
                               const model::OfKey& command);

// WithSeals gives a key as an answer shows it: with the seals counted under
// each of its versions.
model::Key WithSeals(const keyring::Keyring& keyring, model::Key key);

}  // namespace strongroom::service::ops
