#include "batching/refusals.h"

namespace strongroom::batching {

Status NotAuthentic() {
  return Error(Reason::kNotAuthentic,
               "the data does not open; want the key, the encryption context "
               "and the operation it was made with, and no byte changed");
}

Status Draining() {
  return Error(Reason::kDraining,
               "the service is shutting down; send the request elsewhere or "
               "again later");
}

Status DeadlinePassed() {
  return Error(Reason::kDeadlineExceeded,
               "the request's deadline passed before its turn on the token "
               "came; give it more time or send fewer at once");
}

Status Reworded(const Status& status) {
  return ReasonOf(status) == Reason::kNotAuthentic ? NotAuthentic() : status;
}

}  // namespace strongroom::batching
