#include "strongroom/model/job.h"

namespace strongroom::model {

std::string_view StateName(JobState state) {
  switch (state) {
    case JobState::kRunning:
      return "RUNNING";
    case JobState::kPaused:
      return "PAUSED";
    case JobState::kDone:
      return "DONE";
    case JobState::kPartial:
      return "PARTIAL";
    case JobState::kCancelled:
      return "CANCELLED";
  }
  return "UNKNOWN";
}

bool HasEnded(JobState state) {
  return state != JobState::kRunning && state != JobState::kPaused;
}

}  // namespace strongroom::model
