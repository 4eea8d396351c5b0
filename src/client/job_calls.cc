#include "client/convert.h"
#include "client/grpc_client.h"

namespace strongroom::client {

using AdminStub = v1::KeyAdmin::StubInterface;

StatusOr<Job> GrpcClient::StartRewrapJob(std::string_view key,
                                         const StartRewrap& start) {
  v1::StartRewrapRequest request;
  v1::Job response;
  request.set_name(std::string(key));
  request.mutable_from_versions()->Add(start.from_versions.begin(),
                                       start.from_versions.end());
  request.set_batches_per_second(start.batches_per_second);
  request.set_min_share(start.min_share);
  request.set_dry_run(start.dry_run);
  // A dry run changes nothing, which the method's own option cannot say.
  SR_RETURN_IF_ERROR(Call(
      *admin_, &AdminStub::StartRewrap,
      start.dry_run ? Repeat::kRepeatable : RepeatOf(*request.GetDescriptor()),
      request, &response));
  return FromWire(response);
}

template <typename Request>
StatusOr<Job> GrpcClient::JobCall(
    grpc::Status (AdminStub::*method)(grpc::ClientContext*, const Request&,
                                      v1::Job*),
    std::string_view key, std::string_view job_id) {
  Request request;
  v1::Job response;
  request.set_name(std::string(key));
  request.set_job_id(std::string(job_id));
  SR_RETURN_IF_ERROR(Call(*admin_, method, request, &response));
  return FromWire(response);
}

StatusOr<Job> GrpcClient::GetJob(std::string_view key,
                                 std::string_view job_id) {
  return JobCall(&AdminStub::GetJob, key, job_id);
}

StatusOr<Job> GrpcClient::PauseJob(std::string_view key,
                                   std::string_view job_id) {
  return JobCall(&AdminStub::PauseJob, key, job_id);
}

StatusOr<Job> GrpcClient::ResumeJob(std::string_view key,
                                    std::string_view job_id) {
  return JobCall(&AdminStub::ResumeJob, key, job_id);
}

StatusOr<Job> GrpcClient::CancelJob(std::string_view key,
                                    std::string_view job_id) {
  return JobCall(&AdminStub::CancelJob, key, job_id);
}

StatusOr<std::string> GrpcClient::GetJobReport(std::string_view key,
                                               std::string_view job_id) {
  v1::GetJobReportRequest request;
  v1::JobReport response;
  request.set_name(std::string(key));
  request.set_job_id(std::string(job_id));
  SR_RETURN_IF_ERROR(
      Call(*admin_, &AdminStub::GetJobReport, request, &response));
  return std::move(*response.mutable_document());
}

StatusOr<std::vector<Job>> GrpcClient::ListJobs(std::string_view key) {
  v1::ListJobsRequest request;
  v1::ListJobsResponse response;
  request.set_name(std::string(key));
  SR_RETURN_IF_ERROR(Call(*admin_, &AdminStub::ListJobs, request, &response));
  std::vector<Job> jobs;
  for (const v1::Job& job : response.jobs()) jobs.push_back(FromWire(job));
  return jobs;
}

StatusOr<std::vector<CensusVersion>> GrpcClient::GetCensus(
    std::string_view key) {
  v1::GetCensusRequest request;
  v1::Census response;
  request.set_name(std::string(key));
  SR_RETURN_IF_ERROR(Call(*admin_, &AdminStub::GetCensus, request, &response));
  std::vector<CensusVersion> versions;
  for (const auto& version : response.versions()) {
    versions.push_back(FromWire(version));
  }
  return versions;
}

StatusOr<std::vector<KeyVersion>> GrpcClient::GetKeyUsage(
    std::string_view key) {
  v1::GetKeyUsageRequest request;
  v1::KeyUsage response;
  request.set_name(std::string(key));
  SR_RETURN_IF_ERROR(
      Call(*admin_, &AdminStub::GetKeyUsage, request, &response));
  std::vector<KeyVersion> versions;
  for (const auto& version : response.versions()) {
    versions.push_back(FromWire(version));
  }
  return versions;
}

Status GrpcClient::ReportDependence(const Report& report) {
  v1::ReportDependenceRequest request;
  v1::ReportDependenceResponse response;
  request.set_key_id(report.key_id);
  request.set_source(report.source);
  for (const auto& [version, objects] : report.objects) {
    auto* count = request.add_counts();
    count->set_version(version);
    count->set_objects(objects);
  }
  return Call(*admin_, &AdminStub::ReportDependence, request, &response);
}

}  // namespace strongroom::client
