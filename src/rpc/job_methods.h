// The bodies of KeyAdmin's methods about rewrap jobs and the census, as
// admin_methods.h.
#pragma once

#include "rpc/edge.h"
#include "strongroom/v1/key_admin.pb.h"

namespace strongroom::rpc {

Status Run(Edge& edge, service::Call call,
           const v1::StartRewrapRequest& request, v1::Job* response);
Status Run(Edge& edge, service::Call call,
           const v1::GetJobReportRequest& request, v1::JobReport* response);
Status Run(Edge& edge, service::Call call, const v1::GetJobRequest& request,
           v1::Job* response);
Status Run(Edge& edge, service::Call call, const v1::ListJobsRequest& request,
           v1::ListJobsResponse* response);
Status Run(Edge& edge, service::Call call, const v1::PauseJobRequest& request,
           v1::Job* response);
Status Run(Edge& edge, service::Call call, const v1::ResumeJobRequest& request,
           v1::Job* response);
Status Run(Edge& edge, service::Call call, const v1::CancelJobRequest& request,
           v1::Job* response);
Status Run(Edge& edge, service::Call call, const v1::GetCensusRequest& request,
           v1::Census* response);
Status Run(Edge& edge, service::Call call,
           const v1::ReportDependenceRequest& request,
           v1::ReportDependenceResponse* response);

}  // namespace strongroom::rpc
