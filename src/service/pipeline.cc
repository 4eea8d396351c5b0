#include "service/pipeline.h"

#include <algorithm>
#include <chrono>

namespace strongroom::service {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRetryElsewhere{1000};

std::shared_ptr<const keyring::Key> Find(const keyring::Snapshot& keys,
                                         const std::string& name) {
  auto it = keys.keys().find(name);
  return it == keys.keys().end() ? nullptr : it->second;
}

std::shared_ptr<const keyring::Key> Find(const keyring::Snapshot& keys,
                                         const Uuid& id) {
  const keyring::Key* key = keys.FindById(id);
  return key == nullptr ? nullptr : Find(keys, key->name);
}

// What an answer that cannot be recorded becomes. The caller is not told where
// the log is or what is wrong with it; the operator's log says so.
Status Withheld(std::string_view consequence) {
  std::string message = "the audit record of this request cannot be written";
  message += consequence;
  return Error(Reason::kAuditUnavailable, message, kRetryElsewhere);
}

// What these say of the request or of what it names is found before anything
// is changed. Of every other failure of a change that had begun, the most that
// is sure is that it may have been made.
bool IsRefusal(const Status& outcome) {
  return outcome.code() == absl::StatusCode::kInvalidArgument ||
         outcome.code() == absl::StatusCode::kNotFound ||
         outcome.code() == absl::StatusCode::kAlreadyExists;
}

std::vector<const OperationSpec*> AllSpecs() {
  std::vector<const OperationSpec*> specs;
  for (const Row* row : AllRows()) specs.push_back(row->spec);
  return specs;
}

}  // namespace

Pipeline::Pipeline(ServiceParts parts)
    : rooms_(std::move(parts)),
      metrics_(rooms_.parts_.metrics, AllSpecs(), rooms_.parts_.doors) {}

Status Pipeline::Admit(Request& request) {
  metrics_.Entered();
  request.started_ = rooms_.parts_.clock.Steady();
  request.deadline = request.started_ + request.spec.max_deadline();
  std::optional<Gate::Pass> pass = gate_.Enter();
  if (!pass.has_value()) {
    return Error(Reason::kDraining,
                 "the service is shutting down; send the request elsewhere or "
                 "again later",
                 kRetryElsewhere);
  }
  request.pass_.emplace(*std::move(pass));
  if (!request.call.deadline.has_value()) return OkStatus();
  if (*request.call.deadline <= request.started_) {
    return Error(Reason::kDeadlineExceeded,
                 "the deadline of the request had passed when it came");
  }
  request.deadline = std::min(request.deadline, *request.call.deadline);
  return OkStatus();
}

Status Pipeline::Authenticate(Request& request) const {
  SR_ASSIGN_OR_RETURN(request.caller_, rooms_.parts_.authenticator.Authenticate(
                                           request.call.credential));
  return OkStatus();
}

Status Pipeline::BeginChange(Request& request) const {
  if (request.spec.operation_class != OperationClass::kAdmin) return OkStatus();
  if (rooms_.parts_.audit.Ready().ok()) {
    // From here on something may change.
    request.durability_ = audit::Durability::kDurable;
    return OkStatus();
  }
  return Error(Reason::kAuditUnavailable,
               "the audit log cannot be written, so nothing was changed; try "
               "again when it can",
               kRetryElsewhere);
}

Status Pipeline::Authorise(Request& request, const Target& target) {
  request.policy_ = rooms_.parts_.policy.Current();
  request.keys_ = rooms_.parts_.keyring.Current();
  if (target.scope == Target::Scope::kService) {
    SR_ASSIGN_OR_RETURN(
        request.service_permit_,
        request.policy_->CheckService(*request.caller_, request.spec.action));
  } else if (target.scope == Target::Scope::kKeys) {
    SR_RETURN_IF_ERROR(JudgeKeys(request, target));
  }
  const auth::Caller& caller = *request.caller_;
  SR_RETURN_IF_ERROR(limits_.Charge(*request.policy_, caller, target.operations,
                                    request.started_));
  request.tells_cost_ =
      request.call.ask_cost &&
      request.policy_->CheckService(caller, auth::Action::kViewCost).ok();
  return OkStatus();
}

Status Pipeline::JudgeKeys(Request& request, const Target& target) const {
  Owners& owners = request.owners_;
  if (target.name.has_value()) {
    request.record.key = target.name->ToString();
    owners.named_ = JudgeNamed(request, target);
    SR_RETURN_IF_ERROR(owners.named_.verdict);
  }
  if (target.id.has_value()) {
    owners.named_ = JudgeOwner(request, *target.id);
    if (owners.named_.key != nullptr) {
      request.record.key = owners.named_.key->name;
    }
    SR_RETURN_IF_ERROR(owners.named_.verdict);
  }
  for (const Uuid& id : target.key_ids) {
    auto [owner, added] = owners.subjects_.try_emplace(id);
    if (added) owner->second = JudgeOwner(request, id);
  }
  return OkStatus();
}

Subject Pipeline::JudgeNamed(const Request& request,
                             const Target& target) const {
  Subject subject;
  const std::string& name = target.name->ToString();
  subject.key = Find(*request.keys_, name);
  const Labels* labels =
      subject.key == nullptr ? nullptr : &subject.key->settings.labels;
  if (target.creates) labels = target.new_labels;
  auth::KeyFacts facts{.name = name, .labels = labels};
  if (subject.key != nullptr) facts.id = subject.key->id;
  StatusOr<auth::Permit> permit =
      request.policy_->Check(*request.caller_, request.spec.action, facts);
  if (permit.ok() && target.new_labels != nullptr) {
    facts.labels = target.new_labels;
    permit =
        request.policy_->Check(*request.caller_, request.spec.action, facts);
  }
  if (!permit.ok()) {
    subject.verdict = permit.status();
    return subject;
  }
  subject.permit = *std::move(permit);
  if (subject.key == nullptr && !target.creates) {
    subject.verdict = Error(
        Reason::kKeyNotFound,
        "key " + name + " does not exist; check the name, or create the key");
  }
  return subject;
}

// A key that nobody knows goes through the same check under no name, so that
// who may not use it cannot tell whether it exists.
Subject Pipeline::JudgeOwner(const Request& request, const Uuid& key_id) const {
  Subject subject;
  subject.key = Find(*request.keys_, key_id);
  auth::KeyFacts facts{.name = "", .named_by_caller = false};
  if (subject.key != nullptr) {
    facts.id = key_id;
    facts.name = subject.key->name;
    facts.labels = &subject.key->settings.labels;
  }
  StatusOr<auth::Permit> permit =
      request.policy_->Check(*request.caller_, request.spec.action, facts);
  if (!permit.ok()) {
    subject.verdict = permit.status();
    return subject;
  }
  subject.permit = *std::move(permit);
  if (subject.key == nullptr) {
    subject.verdict =
        Error(Reason::kKeyNotFound,
              "the key of this token, id " + key_id.ToString() +
                  ", does not exist here; was the token made elsewhere?");
  }
  return subject;
}

void Pipeline::Fill(Request& request, const Status& outcome) const {
  audit::Record& record = request.record;
  record.time = rooms_.parts_.clock.Now();
  record.request_id = request.call.request_id;
  if (request.caller_) record.caller = request.caller_->id();
  record.door = request.call.door;
  record.peer = request.call.peer;
  record.operation = request.spec.rpc;
  const auto& owners = request.owners_.subjects_;
  if (record.key.empty() && owners.size() == 1) {
    const Subject& owner = owners.begin()->second;
    if (owner.key != nullptr) record.key = owner.key->name;
  } else if (owners.size() > 1) {
    std::string keys = std::to_string(owners.size()) + " keys";
    record.detail = record.detail.empty() ? keys : keys + "; " + record.detail;
  }
  record.outcome = outcome.ok() ? "OK" : ReasonName(ReasonOf(outcome));
  if (!outcome.ok()) record.detail = MessageOf(outcome);
  record.duration_us = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(
          rooms_.parts_.clock.Steady() - request.started_)
          .count());
}

Status Pipeline::Judged(const Request& request, const Status& outcome,
                        const Status& written) {
  if (written.ok()) return OkStatus();
  if (request.spec.operation_class != OperationClass::kAdmin) {
    return Withheld(", so the result is withheld; try again later");
  }
  bool begun = request.durability_ == audit::Durability::kDurable;
  return Withheld(begun && !IsRefusal(outcome)
                      ? "; the change may have been made: look before trying "
                        "again"
                      : ", and nothing was changed; try again later");
}

void Pipeline::Count(const Request& request, const Status& outcome) {
  metrics_.Answered(request.spec, request.call.door, outcome,
                    rooms_.parts_.clock.Steady() - request.started_);
}

void Pipeline::Leave(Request& request) {
  metrics_.Left();
  request.pass_.reset();
}

bool Pipeline::Drain(SteadyTime until) {
  gate_.Close();
  return gate_.WaitUntilEmpty(until);
}

}  // namespace strongroom::service
