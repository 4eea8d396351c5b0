// Registered DEKs, rewrap jobs and the census between messages and model/.
// Read of an answer is INTERNAL for an id that is none, and keeps the number of
// a state that is not known here.
#pragma once

#include <vector>

#include "strongroom/model/requests.h"
#include "strongroom/v1/key_admin.pb.h"

namespace strongroom::wire {

model::ListDeks Read(const v1::ListDeksRequest& request);
inline model::OfDek Read(const v1::GetDekRequest& request) {
  return {request.name(), request.dek_id()};
}
inline model::OfDek Read(const v1::DeleteDekRequest& request) {
  return {request.name(), request.dek_id()};
}
inline model::OfDek Read(const v1::ShredDekRequest& request) {
  return {request.name(), request.dek_id()};
}
model::StartRewrap Read(const v1::StartRewrapRequest& request);
inline model::OfJob Read(const v1::GetJobRequest& request) {
  return {request.name(), request.job_id()};
}
inline model::OfKey Read(const v1::ListJobsRequest& request) {
  return {request.name()};
}
inline model::OfJob Read(const v1::GetJobReportRequest& request) {
  return {request.name(), request.job_id()};
}
inline model::OfJob Read(const v1::PauseJobRequest& request) {
  return {request.name(), request.job_id()};
}
inline model::OfJob Read(const v1::ResumeJobRequest& request) {
  return {request.name(), request.job_id()};
}
inline model::OfJob Read(const v1::CancelJobRequest& request) {
  return {request.name(), request.job_id()};
}
inline model::OfKey Read(const v1::GetCensusRequest& request) {
  return {request.name()};
}
model::ReportDependence Read(const v1::ReportDependenceRequest& request);
void Write(const model::ListDeks& request, v1::ListDeksRequest* out);
void Write(const model::StartRewrap& request, v1::StartRewrapRequest* out);
void Write(const model::ReportDependence& request,
           v1::ReportDependenceRequest* out);

void Write(const model::Dek& dek, v1::Dek* out);
StatusOr<model::Dek> Read(const v1::Dek& dek);
void Write(const model::DekPage& page, v1::ListDeksResponse* out);
StatusOr<model::DekPage> Read(const v1::ListDeksResponse& page);
inline void Write(const model::Nothing&, v1::DeleteDekResponse*) {}
inline void Write(const model::Nothing&, v1::ShredDekResponse*) {}

void Write(const model::Job& job, v1::Job* out);
StatusOr<model::Job> Read(const v1::Job& job);
void Write(const std::vector<model::Job>& jobs, v1::ListJobsResponse* out);
StatusOr<std::vector<model::Job>> Read(const v1::ListJobsResponse& jobs);
void Write(const model::JobReport& report, v1::JobReport* out);

void Write(const model::Census& census, v1::Census* out);
model::Census Read(const v1::Census& census);
inline void Write(const model::Nothing&, v1::ReportDependenceResponse*) {}

}  // namespace strongroom::wire
