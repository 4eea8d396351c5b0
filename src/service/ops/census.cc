#include "service/ops/census.h"

#include <utility>

#include "service/ops/keys.h"
#include "service/row.h"

namespace strongroom::service::ops {
namespace {

using auth::Action;

StatusOr<model::Census> GetCensus(const auth::Permit& permit, Request& request,
                                  const model::OfKey&) {
  const model::Key& key = request.key();
  registry::Registry& registry = request.rooms.registry(permit);
  SR_ASSIGN_OR_RETURN(std::vector<model::Traces> traces,
                      request.rooms.keyring(permit).TracesOf(permit.key_id()));
  SR_ASSIGN_OR_RETURN(const auto registered, registry.Census(permit.key_id()));
  SR_ASSIGN_OR_RETURN(const auto claims, registry.Claims(permit.key_id()));
  model::Census census;
  for (model::Traces& one : traces) {
    model::VersionCensus& out = census.emplace_back();
    out.version = one.version;
    for (const auto& row : registered) {
      if (row.version != one.version) continue;
      out.batches = row.batches;
      out.deks = row.deks;
    }
    uint64_t claimed = 0;
    for (const auto& claim : claims) {
      if (claim.version != one.version) continue;
      claimed += claim.objects;
      out.claims.push_back(
          {claim.caller, claim.source, claim.objects, claim.reported});
    }
    out.nothing_depends = key.always_required && one.version != key.primary &&
                          out.deks == 0 && claimed == 0 && !one.MayHaveIssued();
    out.traces = std::move(one);
  }
  return census;
}

// The versions that have traces are those that are not DESTROYED.
StatusOr<model::Key> GetKeyUsage(const auth::Permit& permit, Request& request,
                                 const model::OfKey&) {
  keyring::Keyring& keyring = request.rooms.keyring(permit);
  SR_ASSIGN_OR_RETURN(const std::vector<model::Traces> traces,
                      keyring.TracesOf(permit.key_id()));
  model::Key key = WithSeals(keyring, request.key());
  for (const model::Traces& one : traces) {
    for (model::Version& version : key.versions) {
      if (version.number == one.version) version.traces = one;
    }
  }
  std::erase_if(key.versions,
                [](const model::Version& version) { return !version.traces; });
  return key;
}

// The caller knows the key by the id that is in its tokens.
StatusOr<Target> ResolveReport(const Resolver&, Request&,
                               model::ReportDependence& command) {
  Target target;
  SR_ASSIGN_OR_RETURN(target.id, Uuid::Parse(command.key_id));
  return target;
}

StatusOr<model::Nothing> ReportDependence(
    const auth::Permit& permit, Request& request,
    const model::ReportDependence& command) {
  request.record.items = static_cast<uint32_t>(command.claimed.size());
  std::vector<registry::Claimed> claimed;
  for (const model::Claimed& one : command.claimed) {
    claimed.push_back({one.version, one.objects});
  }
  SR_RETURN_IF_ERROR(request.rooms.registry(permit).Report(
      permit.key_id(), permit.caller().id(), command.source, claimed));
  return model::Nothing();
}

}  // namespace

constexpr Operation<model::OfKey, model::Census> kGetCensus = {
    .spec = {"GetCensus", kKeyAdmin, Action::kViewKey, OperationClass::kView},
    .resolve = NamedKey,
    .handle = GetCensus};
constexpr Operation<model::OfKey, model::Key> kGetKeyUsage = {
    .spec = {"GetKeyUsage", kKeyAdmin, Action::kViewKey, OperationClass::kView},
    .resolve = NamedKey,
    .handle = GetKeyUsage};
constexpr Operation<model::ReportDependence, model::Nothing> kReportDependence =
    {.spec = {"ReportDependence", kKeyAdmin, Action::kReport,
              OperationClass::kAdmin},
     .resolve = ResolveReport,
     .handle = ReportDependence};

constexpr Row kRows[] = {
    MakeRow<kGetCensus, v1::GetCensusRequest, v1::Census>(),
    MakeRow<kGetKeyUsage, v1::GetKeyUsageRequest, v1::KeyUsage>(),
    MakeRow<kReportDependence, v1::ReportDependenceRequest,
            v1::ReportDependenceResponse>()};
std::span<const Row> CensusRows() { return kRows; }

}  // namespace strongroom::service::ops
