#include "service/ops/token.h"

#include <utility>

#include "service/row.h"

namespace strongroom::service::ops {
namespace {

using auth::Action;

StatusOr<std::vector<model::TokenObject>> ListTokenObjects(
    const auth::Permit& permit, Request& request, const model::Nothing&) {
  SR_ASSIGN_OR_RETURN(auto found,
                      request.rooms.keyring(permit).DescribeObjects());
  std::vector<model::TokenObject> objects;
  for (auto& [object, owner] : found) {
    objects.push_back({std::move(object.id), std::move(object.label),
                       std::move(object.object_class),
                       std::move(object.key_type), std::move(owner),
                       object.sensitive, object.never_extractable});
  }
  return objects;
}

StatusOr<model::SigningKey> GetSigningKey(const auth::Permit& permit,
                                          Request& request,
                                          const model::Nothing&) {
  SR_ASSIGN_OR_RETURN(auto exported,
                      request.rooms.keyring(permit).signing().Export());
  return model::SigningKey{std::move(exported.key_id), std::move(exported.pem)};
}

}  // namespace

constexpr Operation<model::Nothing, std::vector<model::TokenObject>>
    kListTokenObjects = {.spec = {"ListTokenObjects", kKeyAdmin,
                                  Action::kViewToken, OperationClass::kView},
                         .resolve = WholeService,
                         .handle = ListTokenObjects};
// The first call makes the pair.
constexpr Operation<model::Nothing, model::SigningKey> kGetSigningKey = {
    .spec = {"GetSigningKey", kKeyAdmin, Action::kViewToken,
             OperationClass::kAdmin},
    .resolve = WholeService,
    .handle = GetSigningKey};

constexpr Row kRows[] = {
    MakeRow<kListTokenObjects, v1::ListTokenObjectsRequest,
            v1::ListTokenObjectsResponse>(),
    MakeRow<kGetSigningKey, v1::GetSigningKeyRequest, v1::SigningKey>()};
std::span<const Row> TokenRows() { return kRows; }

}  // namespace strongroom::service::ops
