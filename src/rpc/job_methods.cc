#include "rpc/job_methods.h"

#include <utility>

#include "rpc/translate.h"

namespace strongroom::rpc {
namespace {

v1::JobState ToState(registry::JobState state) {
  switch (state) {
    case registry::JobState::kRunning:
      return v1::RUNNING;
    case registry::JobState::kPaused:
      return v1::PAUSED;
    case registry::JobState::kDone:
      return v1::DONE;
    case registry::JobState::kPartial:
      return v1::PARTIAL;
    case registry::JobState::kCancelled:
      return v1::CANCELLED;
  }
  return v1::JOB_STATE_UNSPECIFIED;
}

bool IsFinished(registry::JobState state) {
  return state != registry::JobState::kRunning &&
         state != registry::JobState::kPaused;
}

void FillJob(const registry::Job& job, v1::Job* out) {
  const store::JobRow& row = job.row;
  if (!row.id.IsNil()) out->set_job_id(row.id.ToString());
  out->set_state(ToState(row.state));
  for (uint32_t version : row.from) out->add_from_versions(version);
  out->set_batches_per_second(row.batches_per_second);
  out->set_min_share(row.min_share);
  out->set_created_by(row.created_by);
  FillTime(row.created, out->mutable_create_time());
  FillTime(row.updated, out->mutable_update_time());
  if (IsFinished(row.state)) FillTime(row.finished, out->mutable_finish_time());
  out->set_batches_total(row.batches_total);
  out->set_deks_total(row.deks_total);
  out->set_batches_moved(row.batches_moved);
  out->set_deks_moved(row.deks_moved);
  out->set_batches_left(job.batches_left);
  out->set_deks_left(job.deks_left);
  out->set_failure_count(row.failures);
  for (const store::JobFailureRow& failure : job.failures) {
    v1::JobFailure* to = out->add_failures();
    to->set_batch_id(failure.batch_id.ToString());
    to->set_reason(failure.reason);
    to->set_message(failure.message);
  }
  out->set_waits_for(row.waits_for);
}

Status Fill(const StatusOr<registry::Job>& job, v1::Job* response) {
  SR_RETURN_IF_ERROR(job.status());
  FillJob(*job, response);
  return OkStatus();
}

template <typename Request>
Status Move(Edge& edge, service::Call call, const Request& request,
            v1::Job* response) {
  return Fill(
      edge.service.MoveJob(std::move(call), request.name(), request.job_id()),
      response);
}

}  // namespace

Status Run(Edge& edge, service::Call call,
           const v1::StartRewrapRequest& request, v1::Job* response) {
  service::StartRewrapCommand command;
  command.options.from.assign(request.from_versions().begin(),
                              request.from_versions().end());
  command.options.batches_per_second = request.batches_per_second();
  command.options.min_share = request.min_share();
  command.dry_run = request.dry_run();
  return Fill(
      edge.service.StartRewrap(std::move(call), request.name(), command),
      response);
}

Status Run(Edge& edge, service::Call call, const v1::GetJobRequest& request,
           v1::Job* response) {
  return Fill(
      edge.service.GetJob(std::move(call), request.name(), request.job_id()),
      response);
}

Status Run(Edge& edge, service::Call call, const v1::ListJobsRequest& request,
           v1::ListJobsResponse* response) {
  SR_ASSIGN_OR_RETURN(std::vector<registry::Job> jobs,
                      edge.service.ListJobs(std::move(call), request.name()));
  for (const registry::Job& job : jobs) FillJob(job, response->add_jobs());
  return OkStatus();
}

Status Run(Edge& edge, service::Call call,
           const v1::GetJobReportRequest& request, v1::JobReport* response) {
  SR_ASSIGN_OR_RETURN(*response->mutable_document(),
                      edge.service.GetJobReport(std::move(call), request.name(),
                                                request.job_id()));
  return OkStatus();
}

Status Run(Edge& edge, service::Call call, const v1::PauseJobRequest& request,
           v1::Job* response) {
  return Move(edge, std::move(call), request, response);
}

Status Run(Edge& edge, service::Call call, const v1::ResumeJobRequest& request,
           v1::Job* response) {
  return Move(edge, std::move(call), request, response);
}

Status Run(Edge& edge, service::Call call, const v1::CancelJobRequest& request,
           v1::Job* response) {
  return Move(edge, std::move(call), request, response);
}

Status Run(Edge& edge, service::Call call, const v1::GetCensusRequest& request,
           v1::Census* response) {
  SR_ASSIGN_OR_RETURN(service::CensusResult result,
                      edge.service.GetCensus(std::move(call), request.name()));
  for (const service::CensusVersion& version : result.versions) {
    v1::Census::Version* out = response->add_versions();
    out->set_version(version.registered.version);
    out->set_registered_deks(version.registered.deks);
    out->set_batches(version.registered.batches);
    FillTraces(version.traces, out->mutable_traces());
    for (const store::ClaimRow& claim : version.claims) {
      v1::Census::Claim* to = out->add_claims();
      to->set_caller(claim.caller);
      to->set_source(claim.source);
      to->set_objects(claim.objects);
      FillTime(claim.reported, to->mutable_report_time());
    }
    out->set_nothing_depends(version.nothing_depends);
  }
  return OkStatus();
}

Status Run(Edge& edge, service::Call call,
           const v1::ReportDependenceRequest& request,
           v1::ReportDependenceResponse*) {
  service::ReportCommand command;
  command.key_id = request.key_id();
  command.source = request.source();
  for (const auto& count : request.counts()) {
    command.claimed.push_back({count.version(), count.objects()});
  }
  return edge.service.ReportDependence(std::move(call), command);
}

}  // namespace strongroom::rpc
