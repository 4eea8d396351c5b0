#include "service/ops/jobs.h"

#include <utility>

#include "service/adapt.h"
#include "service/row.h"

namespace strongroom::service::ops {
namespace {

using auth::Action;
using registry::JobMove;

StatusOr<model::Job> StartRewrap(const auth::Permit& permit, Request& request,
                                 const model::StartRewrap& command) {
  registry::Jobs& jobs = request.rooms.jobs(permit);
  if (command.dry_run) {
    request.record.detail = "dry run";
    SR_ASSIGN_OR_RETURN(
        registry::Job job,
        jobs.Preview(permit.key_id(), FromModel(command.options)));
    return AsModel(job);
  }
  SR_ASSIGN_OR_RETURN(registry::Job job,
                      jobs.Start(permit.key_id(), FromModel(command.options),
                                 permit.caller().id()));
  model::Job started = AsModel(job);
  request.record.detail = started.id.ToString();
  return started;
}

StatusOr<model::Job> GetJob(const auth::Permit& permit, Request& request,
                            const model::OfJob& command) {
  SR_ASSIGN_OR_RETURN(Uuid id, Uuid::Parse(command.job_id));
  SR_ASSIGN_OR_RETURN(registry::Job job,
                      request.rooms.jobs(permit).Get(permit.key_id(), id));
  return AsModel(job);
}

StatusOr<std::vector<model::Job>> ListJobs(const auth::Permit& permit,
                                           Request& request,
                                           const model::OfKey&) {
  SR_ASSIGN_OR_RETURN(std::vector<registry::Job> found,
                      request.rooms.jobs(permit).List(permit.key_id()));
  std::vector<model::Job> jobs;
  for (const registry::Job& job : found) jobs.push_back(AsModel(job));
  return jobs;
}

StatusOr<model::JobReport> GetJobReport(const auth::Permit& permit,
                                        Request& request,
                                        const model::OfJob& command) {
  SR_ASSIGN_OR_RETURN(Uuid id, Uuid::Parse(command.job_id));
  SR_ASSIGN_OR_RETURN(std::string document,
                      request.rooms.jobs(permit).Report(permit.key_id(), id));
  return model::JobReport{std::move(document)};
}

template <JobMove kMove>
StatusOr<model::Job> Move(const auth::Permit& permit, Request& request,
                          const model::OfJob& command) {
  request.record.detail = command.job_id;
  SR_ASSIGN_OR_RETURN(Uuid id, Uuid::Parse(command.job_id));
  SR_ASSIGN_OR_RETURN(registry::Job job, request.rooms.jobs(permit).Move(
                                             permit.key_id(), id, kMove));
  return AsModel(job);
}

}  // namespace

constexpr Operation<model::StartRewrap, model::Job> kStartRewrap = {
    .spec = {"StartRewrap", kKeyAdmin, Action::kRunJobs,
             OperationClass::kAdmin},
    .resolve = NamedKey,
    .handle = StartRewrap};
constexpr Operation<model::OfJob, model::Job> kGetJob = {
    .spec = {"GetJob", kKeyAdmin, Action::kViewKey, OperationClass::kView},
    .resolve = NamedKey,
    .handle = GetJob};
constexpr Operation<model::OfKey, std::vector<model::Job>> kListJobs = {
    .spec = {"ListJobs", kKeyAdmin, Action::kViewKey, OperationClass::kView},
    .resolve = NamedKey,
    .handle = ListJobs};
constexpr Operation<model::OfJob, model::JobReport> kGetJobReport = {
    .spec = {"GetJobReport", kKeyAdmin, Action::kViewKey,
             OperationClass::kView},
    .resolve = NamedKey,
    .handle = GetJobReport};
constexpr Operation<model::OfJob, model::Job> kPauseJob = {
    .spec = {"PauseJob", kKeyAdmin, Action::kRunJobs, OperationClass::kAdmin},
    .resolve = NamedKey,
    .handle = Move<JobMove::kPause>};
constexpr Operation<model::OfJob, model::Job> kResumeJob = {
    .spec = {"ResumeJob", kKeyAdmin, Action::kRunJobs, OperationClass::kAdmin},
    .resolve = NamedKey,
    .handle = Move<JobMove::kResume>};
constexpr Operation<model::OfJob, model::Job> kCancelJob = {
    .spec = {"CancelJob", kKeyAdmin, Action::kRunJobs, OperationClass::kAdmin},
    .resolve = NamedKey,
    .handle = Move<JobMove::kCancel>};

constexpr Row kRows[] = {
    MakeRow<kStartRewrap, v1::StartRewrapRequest, v1::Job>(),
    MakeRow<kGetJob, v1::GetJobRequest, v1::Job>(),
    MakeRow<kListJobs, v1::ListJobsRequest, v1::ListJobsResponse>(),
    MakeRow<kGetJobReport, v1::GetJobReportRequest, v1::JobReport>(),
    MakeRow<kPauseJob, v1::PauseJobRequest, v1::Job>(),
    MakeRow<kResumeJob, v1::ResumeJobRequest, v1::Job>(),
    MakeRow<kCancelJob, v1::CancelJobRequest, v1::Job>()};
std::span<const Row> JobRows() { return kRows; }

}  // namespace strongroom::service::ops
