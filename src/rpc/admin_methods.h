// The bodies of KeyAdmin's methods: translate, ask the service, translate.
// Each blocks, and runs on a worker.
#pragma once

#include "rpc/edge.h"
#include "strongroom/v1/key_admin.pb.h"

namespace strongroom::rpc {

Status Run(Edge& edge, service::Call call, const v1::CreateKeyRequest& request,
           v1::Key* response);
Status Run(Edge& edge, service::Call call, const v1::GetKeyRequest& request,
           v1::Key* response);
Status Run(Edge& edge, service::Call call, const v1::ListKeysRequest& request,
           v1::ListKeysResponse* response);
Status Run(Edge& edge, service::Call call, const v1::UpdateKeyRequest& request,
           v1::Key* response);
Status Run(Edge& edge, service::Call call, const v1::RotateKeyRequest& request,
           v1::Key* response);
Status Run(Edge& edge, service::Call call,
           const v1::EnableVersionRequest& request, v1::KeyVersion* response);
Status Run(Edge& edge, service::Call call,
           const v1::DisableVersionRequest& request, v1::KeyVersion* response);
Status Run(Edge& edge, service::Call call,
           const v1::ScheduleDestroyVersionRequest& request,
           v1::KeyVersion* response);
Status Run(Edge& edge, service::Call call,
           const v1::CancelDestroyVersionRequest& request,
           v1::KeyVersion* response);
Status Run(Edge& edge, service::Call call, const v1::ListDeksRequest& request,
           v1::ListDeksResponse* response);
Status Run(Edge& edge, service::Call call, const v1::GetDekRequest& request,
           v1::Dek* response);
Status Run(Edge& edge, service::Call call, const v1::DeleteDekRequest& request,
           v1::DeleteDekResponse* response);
Status Run(Edge& edge, service::Call call, const v1::ShredDekRequest& request,
           v1::ShredDekResponse* response);
Status Run(Edge& edge, service::Call call,
           const v1::ListTokenObjectsRequest& request,
           v1::ListTokenObjectsResponse* response);
Status Run(Edge& edge, service::Call call,
           const v1::GetSigningKeyRequest& request, v1::SigningKey* response);
Status Run(Edge& edge, service::Call call, const v1::GetStatusRequest& request,
           v1::GetStatusResponse* response);
Status Run(Edge& edge, service::Call call, const v1::WhoAmIRequest& request,
           v1::WhoAmIResponse* response);

}  // namespace strongroom::rpc
