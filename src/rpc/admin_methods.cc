#include "rpc/admin_methods.h"

#include <utility>

#include "rpc/translate.h"

namespace strongroom::rpc {
namespace {

Status Fill(const StatusOr<service::KeyView>& view, v1::Key* response) {
  SR_RETURN_IF_ERROR(view.status());
  FillKey(*view, response);
  return OkStatus();
}

template <typename Request>
Status Move(Edge& edge, service::Call call, const Request& request,
            v1::KeyVersion* response, bool acknowledged = false) {
  SR_ASSIGN_OR_RETURN(
      service::KeyView view,
      edge.service.MoveVersion(std::move(call), request.name(),
                               request.version(), acknowledged));
  return FillVersion(view, request.version(), response);
}

void FillDevice(const service::StatusReport& report,
                v1::GetStatusResponse* response) {
  response->set_token_label(report.device.token_label);
  response->set_token_model(report.device.token_model);
  response->set_token_serial(report.device.token_serial);
  response->set_profile(report.device.profile);
  response->set_sessions(static_cast<uint32_t>(report.health.sessions_open));
  response->set_hsm_healthy(report.health.healthy());
  response->set_hsm_detail(report.health.detail);
  response->set_token_operations(report.health.operations);
}

void FillFacts(const ServerFacts& facts, v1::GetStatusResponse* response) {
  response->set_version(facts.version);
  response->set_mode(facts.mode);
  int64_t micros = facts.start_time.time_since_epoch().count();
  response->mutable_start_time()->set_seconds(micros / 1'000'000);
  response->mutable_start_time()->set_nanos(
      static_cast<int32_t>(micros % 1'000'000) * 1000);
  response->set_installation_id(facts.installation_id);
  for (const std::string& warning : facts.warnings) {
    response->add_warnings(warning);
  }
}

}  // namespace

Status Run(Edge& edge, service::Call call, const v1::CreateKeyRequest& request,
           v1::Key* response) {
  auto settings = ToSettings(request);
  if (!settings.ok()) {
    return edge.service.Refuse(std::move(call), settings.status());
  }
  return Fill(
      edge.service.CreateKey(std::move(call), request.name(), *settings),
      response);
}

Status Run(Edge& edge, service::Call call, const v1::GetKeyRequest& request,
           v1::Key* response) {
  return Fill(edge.service.GetKey(std::move(call), request.name()), response);
}

Status Run(Edge& edge, service::Call call, const v1::ListKeysRequest& request,
           v1::ListKeysResponse* response) {
  SR_ASSIGN_OR_RETURN(
      service::ListResult result,
      edge.service.ListKeys(std::move(call), request.prefix(),
                            request.page_size(), request.page_token()));
  for (const service::KeyView& view : result.keys) {
    FillKey(view, response->add_keys());
  }
  response->set_next_page_token(result.next_page_token);
  return OkStatus();
}

Status Run(Edge& edge, service::Call call, const v1::UpdateKeyRequest& request,
           v1::Key* response) {
  auto change = ToChange(request);
  if (!change.ok()) {
    return edge.service.Refuse(std::move(call), change.status());
  }
  return Fill(
      edge.service.UpdateKey(std::move(call), request.key().name(), *change),
      response);
}

Status Run(Edge& edge, service::Call call, const v1::RotateKeyRequest& request,
           v1::Key* response) {
  return Fill(edge.service.RotateKey(std::move(call), request.name()),
              response);
}

Status Run(Edge& edge, service::Call call,
           const v1::EnableVersionRequest& request, v1::KeyVersion* response) {
  return Move(edge, std::move(call), request, response);
}

Status Run(Edge& edge, service::Call call,
           const v1::DisableVersionRequest& request, v1::KeyVersion* response) {
  return Move(edge, std::move(call), request, response);
}

Status Run(Edge& edge, service::Call call,
           const v1::ScheduleDestroyVersionRequest& request,
           v1::KeyVersion* response) {
  return Move(edge, std::move(call), request, response,
              request.acknowledge_unregistered());
}

Status Run(Edge& edge, service::Call call,
           const v1::CancelDestroyVersionRequest& request,
           v1::KeyVersion* response) {
  return Move(edge, std::move(call), request, response);
}

Status Run(Edge& edge, service::Call call, const v1::ListDeksRequest& request,
           v1::ListDeksResponse* response) {
  service::DekQuery query;
  query.key_name = request.name();
  query.filter.version = request.key_version();
  query.filter.labels.insert(request.labels().begin(), request.labels().end());
  query.page_size = request.page_size();
  query.page_token = request.page_token();
  SR_ASSIGN_OR_RETURN(service::DekList list,
                      edge.service.ListDeks(std::move(call), query));
  for (const registry::DekInfo& dek : list.deks) {
    FillDek(dek, response->add_deks());
  }
  response->set_next_page_token(list.next_page_token);
  return OkStatus();
}

Status Run(Edge& edge, service::Call call, const v1::GetDekRequest& request,
           v1::Dek* response) {
  SR_ASSIGN_OR_RETURN(
      registry::DekInfo dek,
      edge.service.GetDek(std::move(call), request.name(), request.dek_id()));
  FillDek(dek, response);
  return OkStatus();
}

Status Run(Edge& edge, service::Call call, const v1::DeleteDekRequest& request,
           v1::DeleteDekResponse*) {
  return edge.service.RemoveDek(std::move(call), request.name(),
                                request.dek_id());
}

Status Run(Edge& edge, service::Call call, const v1::ShredDekRequest& request,
           v1::ShredDekResponse*) {
  return edge.service.RemoveDek(std::move(call), request.name(),
                                request.dek_id());
}

Status Run(Edge& edge, service::Call call, const v1::ListTokenObjectsRequest&,
           v1::ListTokenObjectsResponse* response) {
  SR_ASSIGN_OR_RETURN(std::vector<keyring::OwnedObject> objects,
                      edge.service.ListTokenObjects(std::move(call)));
  for (const keyring::OwnedObject& object : objects) {
    FillTokenObject(object, response->add_objects());
  }
  return OkStatus();
}

Status Run(Edge& edge, service::Call call, const v1::GetSigningKeyRequest&,
           v1::SigningKey* response) {
  SR_ASSIGN_OR_RETURN(keyring::SigningKey::Exported key,
                      edge.service.GetSigningKey(std::move(call)));
  response->set_key_id(std::move(key.key_id));
  response->set_public_key(std::move(key.pem));
  return OkStatus();
}

Status Run(Edge& edge, service::Call call, const v1::GetStatusRequest&,
           v1::GetStatusResponse* response) {
  SR_ASSIGN_OR_RETURN(service::StatusReport report,
                      edge.service.GetStatus(std::move(call)));
  FillFacts(edge.facts, response);
  FillDevice(report, response);
  response->set_keys(report.keys);
  response->set_key_versions(report.key_versions);
  response->set_items_sealed(report.engine.items_sealed);
  response->set_items_opened(report.engine.items_opened);
  return OkStatus();
}

Status Run(Edge& edge, service::Call call, const v1::WhoAmIRequest&,
           v1::WhoAmIResponse* response) {
  SR_ASSIGN_OR_RETURN(service::WhoAmIResult result,
                      edge.service.WhoAmI(std::move(call)));
  response->set_caller(result.caller);
  response->set_peer(result.subject);
  for (const std::string& grant : result.grants) response->add_grants(grant);
  return OkStatus();
}

}  // namespace strongroom::rpc
