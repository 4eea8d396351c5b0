// Rewrap jobs of a key.
#pragma once

#include <span>
#include <vector>

#include "service/operation.h"

namespace strongroom::service::ops {

extern const Operation<model::StartRewrap, model::Job> kStartRewrap;
extern const Operation<model::OfJob, model::Job> kGetJob;
extern const Operation<model::OfKey, std::vector<model::Job>> kListJobs;
extern const Operation<model::OfJob, model::JobReport> kGetJobReport;
extern const Operation<model::OfJob, model::Job> kPauseJob;
extern const Operation<model::OfJob, model::Job> kResumeJob;
extern const Operation<model::OfJob, model::Job> kCancelJob;
std::span<const Row> JobRows();

}  // namespace strongroom::service::ops
