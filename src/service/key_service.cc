#include "strongroom/service/key_service.h"

#include <algorithm>
#include <span>
#include <utility>

#include "service/open.h"
#include "service/page_token.h"
#include "service/pipeline.h"
#include "service/seal.h"

namespace strongroom::service {
namespace {

constexpr uint32_t kMaxPageSize = 500;
constexpr uint32_t kDefaultDeks = 500;
constexpr uint32_t kMaxDeks = 1000;

using keyring::VersionMove;

struct MoveRow {
  Operation operation;
  VersionMove move;
};
constexpr MoveRow kMoves[] = {
    {Operation::kDisableVersion, VersionMove::kDisable},
    {Operation::kEnableVersion, VersionMove::kEnable},
    {Operation::kScheduleDestroyVersion, VersionMove::kScheduleDestroy},
    {Operation::kCancelDestroyVersion, VersionMove::kCancelDestroy},
};

struct JobMoveRow {
  Operation operation;
  registry::JobMove move;
};
constexpr JobMoveRow kJobMoves[] = {
    {Operation::kPauseJob, registry::JobMove::kPause},
    {Operation::kResumeJob, registry::JobMove::kResume},
    {Operation::kCancelJob, registry::JobMove::kCancel},
};

const JobMoveRow& JobMoveRowOf(Operation operation) {
  for (const JobMoveRow& row : kJobMoves) {
    if (row.operation == operation) return row;
  }
  return kJobMoves[0];
}

// The row of another operation is refused by CheckCalledAs, as any would be.
const MoveRow& MoveRowOf(Operation operation) {
  for (const MoveRow& row : kMoves) {
    if (row.operation == operation) return row;
  }
  return kMoves[0];
}

// What a method may be called as. The row of the operation decides which right
// is asked for, so an edge that mixes them up must not get through.
constexpr Operation kSeals[] = {
    Operation::kEncrypt,         Operation::kWrap,
    Operation::kGenerateDataKey, Operation::kBatchEncrypt,
    Operation::kBatchWrap,       Operation::kBatchGenerateDataKeys};
constexpr Operation kOpens[] = {Operation::kDecrypt, Operation::kUnwrap,
                                Operation::kBatchDecrypt,
                                Operation::kBatchUnwrap};
constexpr Operation kRewraps[] = {Operation::kRewrap, Operation::kBatchRewrap};

Status CheckCalledAs(const Request& request,
                     std::span<const Operation> allowed) {
  const Operation operation = request.spec.operation;
  if (std::find(allowed.begin(), allowed.end(), operation) != allowed.end()) {
    return OkStatus();
  }
  return Error(Reason::kInternal, "the service was called wrongly as " +
                                      std::string(request.spec.rpc));
}

Status CheckCalledAs(const Request& request, Operation allowed) {
  return CheckCalledAs(request, {&allowed, 1});
}

// Targets of operations whose request says no more than what it is about.
auto About(Operation operation, Target::Scope scope) {
  return [=](Request& request) -> StatusOr<Target> {
    SR_RETURN_IF_ERROR(CheckCalledAs(request, operation));
    Target target;
    target.scope = scope;
    return target;
  };
}

auto AboutKey(Operation operation, const std::string& name,
              const Labels* new_labels = nullptr) {
  return [=, &name](Request& request) -> StatusOr<Target> {
    SR_RETURN_IF_ERROR(CheckCalledAs(request, operation));
    // A malformed name is recorded as it came, too.
    request.record.key = name;
    Target target;
    SR_ASSIGN_OR_RETURN(target.name, KeyName::Parse(name));
    target.new_labels = new_labels;
    target.creates = operation == Operation::kCreateKey;
    return target;
  };
}

class KeyServiceImpl final : public KeyService {
 public:
  explicit KeyServiceImpl(const ServiceParts& parts)
      : parts_(parts), pipeline_(parts) {}

  void Seal(Call call, SealCommand command, Done<SealResult> done) override {
    pipeline_.Run<SealResult>(
        std::move(call),
        [&](Request& request) -> StatusOr<Target> {
          SR_RETURN_IF_ERROR(CheckCalledAs(request, kSeals));
          request.record.items = static_cast<uint32_t>(command.items.size());
          request.record.key = command.key_name;
          return PrepareSeal(request, command);
        },
        [&](std::shared_ptr<Request> request, Done<SealResult> finish) {
          service::Seal(parts_, std::move(request), std::move(command),
                        std::move(finish));
        },
        std::move(done));
  }

  void Open(Call call, OpenCommand command, Done<OpenResult> done) override {
    std::vector<TokenItem> items;
    pipeline_.Run<OpenResult>(
        std::move(call),
        [&](Request& request) -> StatusOr<Target> {
          SR_RETURN_IF_ERROR(CheckCalledAs(request, kOpens));
          request.record.items = static_cast<uint32_t>(command.items.size());
          request.record.key = command.key_name;
          return PrepareOpen(parts_.registry, request, command, &items);
        },
        [&](std::shared_ptr<Request> request, Done<OpenResult> finish) {
          service::Open(parts_.engine, std::move(request), command,
                        std::move(items), std::move(finish));
        },
        std::move(done));
  }

  void Rewrap(Call call, RewrapCommand command,
              Done<RewrapResult> done) override {
    std::vector<TokenItem> items;
    pipeline_.Run<RewrapResult>(
        std::move(call),
        [&](Request& request) -> StatusOr<Target> {
          SR_RETURN_IF_ERROR(CheckCalledAs(request, kRewraps));
          request.record.items = static_cast<uint32_t>(command.tokens.size());
          request.record.key = command.key_name;
          return PrepareRewrap(parts_.registry, request, command, &items);
        },
        [&](std::shared_ptr<Request> request, Done<RewrapResult> finish) {
          service::Rewrap(parts_.engine, std::move(request), std::move(items),
                          std::move(finish));
        },
        std::move(done));
  }

  Status Refuse(Call call, Status why) override {
    struct Nothing {};
    return pipeline_
        .RunNow<Nothing>(
            std::move(call), [&](Request&) -> StatusOr<Target> { return why; },
            [](Request&) -> StatusOr<Nothing> { return Nothing{}; })
        .status();
  }

  StatusOr<KeyView> CreateKey(Call call, const std::string& name,
                              const KeySettings& settings) override {
    return pipeline_.RunNow<KeyView>(
        std::move(call),
        AboutKey(Operation::kCreateKey, name, &settings.labels),
        [&](Request& request) -> StatusOr<KeyView> {
          SR_ASSIGN_OR_RETURN(KeyName parsed, KeyName::Parse(name));
          return Changed(
              request, parts_.keyring.CreateKey(
                           {std::move(parsed), settings.labels,
                            settings.rotation_period_s, settings.policy,
                            settings.destroy_after_s, settings.registration}));
        });
  }

  StatusOr<KeyView> GetKey(Call call, const std::string& name) override {
    return pipeline_.RunNow<KeyView>(
        std::move(call), AboutKey(Operation::kGetKey, name),
        [&](Request& request) -> StatusOr<KeyView> {
          return ViewOf(request.named.key);
        });
  }

  StatusOr<ListResult> ListKeys(Call call, const std::string& prefix,
                                uint32_t page_size,
                                const std::string& page_token) override;

  StatusOr<KeyView> UpdateKey(Call call, const std::string& name,
                              const keyring::KeyChange& change) override {
    const Labels* new_labels = change.labels ? &*change.labels : nullptr;
    return pipeline_.RunNow<KeyView>(
        std::move(call), AboutKey(Operation::kUpdateKey, name, new_labels),
        [&](Request& request) {
          return Changed(
              request, parts_.keyring.UpdateKey(request.named.key->id, change));
        });
  }

  StatusOr<KeyView> RotateKey(Call call, const std::string& name) override {
    return pipeline_.RunNow<KeyView>(
        std::move(call), AboutKey(Operation::kRotateKey, name),
        [&](Request& request) {
          return Changed(request, parts_.keyring.Rotate(request.named.key->id));
        });
  }

  StatusOr<KeyView> MoveVersion(Call call, const std::string& name,
                                uint32_t version) override {
    const MoveRow& move = MoveRowOf(call.operation);
    return pipeline_.RunNow<KeyView>(
        std::move(call), AboutKey(move.operation, name), [&](Request& request) {
          StatusOr<KeyView> moved = Changed(
              request,
              parts_.keyring.Move(request.named.key->id, version, move.move));
          request.record.versions = {version};
          return moved;
        });
  }

  StatusOr<DekList> ListDeks(Call call, const DekQuery& query) override;

  StatusOr<registry::DekInfo> GetDek(Call call, const std::string& name,
                                     const std::string& dek_id) override {
    return pipeline_.RunNow<registry::DekInfo>(
        std::move(call), AboutKey(Operation::kGetDek, name),
        [&](Request& request) -> StatusOr<registry::DekInfo> {
          request.record.detail = dek_id;
          SR_ASSIGN_OR_RETURN(registry::DekId id,
                              registry::DekId::Parse(dek_id));
          return parts_.registry.Describe(request.named.key->id, id);
        });
  }

  Status RemoveDek(Call call, const std::string& name,
                   const std::string& dek_id) override;

  StatusOr<registry::Job> StartRewrap(
      Call call, const std::string& name,
      const StartRewrapCommand& command) override {
    return pipeline_.RunNow<registry::Job>(
        std::move(call), AboutKey(Operation::kStartRewrap, name),
        [&](Request& request) -> StatusOr<registry::Job> {
          const Uuid& key_id = request.named.key->id;
          if (command.dry_run) {
            request.record.detail = "dry run";
            return parts_.jobs.Preview(key_id, command.options);
          }
          StatusOr<registry::Job> job = parts_.jobs.Start(
              key_id, command.options, request.call.caller->id());
          if (job.ok()) request.record.detail = job->row.id.ToString();
          return job;
        });
  }

  StatusOr<registry::Job> GetJob(Call call, const std::string& name,
                                 const std::string& job_id) override {
    return pipeline_.RunNow<registry::Job>(
        std::move(call), AboutKey(Operation::kGetJob, name),
        [&](Request& request) -> StatusOr<registry::Job> {
          SR_ASSIGN_OR_RETURN(Uuid id, Uuid::Parse(job_id));
          return parts_.jobs.Get(request.named.key->id, id);
        });
  }

  StatusOr<std::vector<registry::Job>> ListJobs(
      Call call, const std::string& name) override {
    return pipeline_.RunNow<std::vector<registry::Job>>(
        std::move(call), AboutKey(Operation::kListJobs, name),
        [&](Request& request) {
          return parts_.jobs.List(request.named.key->id);
        });
  }

  StatusOr<registry::Job> MoveJob(Call call, const std::string& name,
                                  const std::string& job_id) override {
    const JobMoveRow& row = JobMoveRowOf(call.operation);
    return pipeline_.RunNow<registry::Job>(
        std::move(call), AboutKey(row.operation, name),
        [&](Request& request) -> StatusOr<registry::Job> {
          request.record.detail = job_id;
          SR_ASSIGN_OR_RETURN(Uuid id, Uuid::Parse(job_id));
          return parts_.jobs.Move(request.named.key->id, id, row.move);
        });
  }

  StatusOr<CensusResult> GetCensus(Call call, const std::string& name) override;

  StatusOr<std::vector<keyring::Keyring::OwnedObject>> ListTokenObjects(
      Call call) override {
    return pipeline_.RunNow<std::vector<keyring::Keyring::OwnedObject>>(
        std::move(call),
        About(Operation::kListTokenObjects, Target::Scope::kService),
        [&](Request&) { return parts_.keyring.DescribeObjects(); });
  }

  StatusOr<keyring::SigningKey::Exported> GetSigningKey(Call call) override {
    return pipeline_.RunNow<keyring::SigningKey::Exported>(
        std::move(call),
        About(Operation::kGetSigningKey, Target::Scope::kService),
        [&](Request&) { return parts_.keyring.signing().Export(); });
  }

  StatusOr<StatusReport> GetStatus(Call call) override;
  StatusOr<WhoAmIResult> WhoAmI(Call call) override;

  bool Drain(SteadyTime until) override { return pipeline_.Drain(until); }

 private:
  KeyView ViewOf(std::shared_ptr<const keyring::Key> key) const;
  // Changed records which version is primary after a change.
  StatusOr<KeyView> Changed(
      Request& request,
      StatusOr<std::shared_ptr<const keyring::Key>> key) const;

  const ServiceParts parts_;
  Pipeline pipeline_;
};

KeyView KeyServiceImpl::ViewOf(std::shared_ptr<const keyring::Key> key) const {
  KeyView view;
  for (const keyring::Version& version : key->versions) {
    view.seals.push_back(parts_.keyring.SealsCounted(key->id, version.number));
  }
  view.key = std::move(key);
  return view;
}

StatusOr<KeyView> KeyServiceImpl::Changed(
    Request& request, StatusOr<std::shared_ptr<const keyring::Key>> key) const {
  if (!key.ok()) return key.status();
  request.record.versions = {(*key)->primary};
  return ViewOf(*std::move(key));
}

StatusOr<ListResult> KeyServiceImpl::ListKeys(Call call,
                                              const std::string& prefix,
                                              uint32_t page_size,
                                              const std::string& page_token) {
  std::string after;
  return pipeline_.RunNow<ListResult>(
      std::move(call),
      [&](Request& request) -> StatusOr<Target> {
        SR_ASSIGN_OR_RETURN(after, NameInPageToken(page_token));
        return About(Operation::kListKeys, Target::Scope::kNothing)(request);
      },
      [&](Request& request) -> StatusOr<ListResult> {
        const size_t limit =
            page_size == 0 ? kMaxPageSize : std::min(page_size, kMaxPageSize);
        const auto& keys = request.keys->keys();
        auto it = !after.empty() && after >= prefix ? keys.upper_bound(after)
                                                    : keys.lower_bound(prefix);
        ListResult result;
        for (; it != keys.end() && it->first.starts_with(prefix); ++it) {
          const keyring::Key& key = *it->second;
          if (!request.policy
                   ->Check(*request.call.caller, request.spec.action,
                           {.name = it->first, .labels = &key.labels})
                   .ok()) {
            continue;
          }
          if (result.keys.size() == limit) {
            const KeyName& last = result.keys.back().key->name;
            result.next_page_token = PageTokenFor(last.ToString());
            break;
          }
          result.keys.push_back(ViewOf(it->second));
        }
        request.record.items = static_cast<uint32_t>(result.keys.size());
        return result;
      });
}

StatusOr<DekList> KeyServiceImpl::ListDeks(Call call, const DekQuery& query) {
  return pipeline_.RunNow<DekList>(
      std::move(call), AboutKey(Operation::kListDeks, query.key_name),
      [&](Request& request) -> StatusOr<DekList> {
        SR_ASSIGN_OR_RETURN(std::optional<registry::DekId> after,
                            DekInPageToken(query.page_token));
        const size_t limit = query.page_size == 0
                                 ? kDefaultDeks
                                 : std::min(query.page_size, kMaxDeks);
        SR_ASSIGN_OR_RETURN(registry::DekPage page,
                            parts_.registry.List(request.named.key->id,
                                                 query.filter, after, limit));
        request.record.items = static_cast<uint32_t>(page.deks.size());
        DekList list;
        list.deks = std::move(page.deks);
        if (page.next_after) {
          list.next_page_token = PageTokenFor(*page.next_after);
        }
        return list;
      });
}

Status KeyServiceImpl::RemoveDek(Call call, const std::string& name,
                                 const std::string& dek_id) {
  struct Nothing {};
  const Operation operation = call.operation == Operation::kShredDek
                                  ? Operation::kShredDek
                                  : Operation::kDeleteDek;
  return pipeline_
      .RunNow<Nothing>(
          std::move(call), AboutKey(operation, name),
          [&](Request& request) -> StatusOr<Nothing> {
            request.record.detail = dek_id;
            SR_ASSIGN_OR_RETURN(registry::DekId id,
                                registry::DekId::Parse(dek_id));
            const Uuid& key_id = request.named.key->id;
            SR_RETURN_IF_ERROR(operation == Operation::kShredDek
                                   ? parts_.registry.Shred(key_id, id)
                                   : parts_.registry.Delete(key_id, id));
            return Nothing{};
          })
      .status();
}

StatusOr<CensusResult> KeyServiceImpl::GetCensus(Call call,
                                                 const std::string& name) {
  return pipeline_.RunNow<CensusResult>(
      std::move(call), AboutKey(Operation::kGetCensus, name),
      [&](Request& request) -> StatusOr<CensusResult> {
        const keyring::Key& key = *request.named.key;
        SR_ASSIGN_OR_RETURN(const std::vector<store::CensusRow> rows,
                            parts_.registry.Census(key.id));
        CensusResult result;
        for (const keyring::Version& version : key.versions) {
          if (version.state == keyring::VersionState::kDestroyed) continue;
          store::CensusRow& out = result.versions.emplace_back();
          out.version = version.number;
          for (const store::CensusRow& row : rows) {
            if (row.version == version.number) out = row;
          }
        }
        return result;
      });
}

StatusOr<StatusReport> KeyServiceImpl::GetStatus(Call call) {
  return pipeline_.RunNow<StatusReport>(
      std::move(call), About(Operation::kGetStatus, Target::Scope::kService),
      [&](Request& request) -> StatusOr<StatusReport> {
        StatusReport report;
        report.device = parts_.device.info();
        report.health = parts_.device.Health();
        report.engine = parts_.engine.Stats();
        report.keys = request.keys->keys().size();
        for (const auto& [name, key] : request.keys->keys()) {
          report.key_versions += key->versions.size();
        }
        return report;
      });
}

StatusOr<WhoAmIResult> KeyServiceImpl::WhoAmI(Call call) {
  return pipeline_.RunNow<WhoAmIResult>(
      std::move(call), About(Operation::kWhoAmI, Target::Scope::kNothing),
      [&](Request& request) -> StatusOr<WhoAmIResult> {
        const auth::Caller& caller = *request.call.caller;
        return WhoAmIResult{caller.id(), caller.subject(),
                            request.policy->GrantsOf(caller)};
      });
}

}  // namespace

std::unique_ptr<KeyService> CreateKeyService(const ServiceParts& parts) {
  return std::make_unique<KeyServiceImpl>(parts);
}

}  // namespace strongroom::service
