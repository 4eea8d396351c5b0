// Registered DEKs, rewrap jobs, and the census of what depends on versions.
#include <algorithm>
#include <utility>

#include "service/key_service_impl.h"
#include "service/page_token.h"

namespace strongroom::service {
namespace {

constexpr uint32_t kDefaultDeks = 500;
constexpr uint32_t kMaxDeks = 1000;

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

}  // namespace

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

StatusOr<registry::DekInfo> KeyServiceImpl::GetDek(Call call,
                                                   const std::string& name,
                                                   const std::string& dek_id) {
  return pipeline_.RunNow<registry::DekInfo>(
      std::move(call), AboutKey(Operation::kGetDek, name),
      [&](Request& request) -> StatusOr<registry::DekInfo> {
        request.record.detail = dek_id;
        SR_ASSIGN_OR_RETURN(registry::DekId id, registry::DekId::Parse(dek_id));
        return parts_.registry.Describe(request.named.key->id, id);
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

StatusOr<registry::Job> KeyServiceImpl::StartRewrap(
    Call call, const std::string& name, const StartRewrapCommand& command) {
  return pipeline_.RunNow<registry::Job>(
      std::move(call), AboutKey(Operation::kStartRewrap, name),
      [&](Request& request) -> StatusOr<registry::Job> {
        const Uuid& key_id = request.named.key->id;
        if (command.dry_run) {
          request.record.detail = "dry run";
          return parts_.jobs.Preview(key_id, command.options);
        }
        StatusOr<registry::Job> job =
            parts_.jobs.Start(key_id, command.options, request.caller->id());
        if (job.ok()) request.record.detail = job->row.id.ToString();
        return job;
      });
}

StatusOr<registry::Job> KeyServiceImpl::GetJob(Call call,
                                               const std::string& name,
                                               const std::string& job_id) {
  return pipeline_.RunNow<registry::Job>(
      std::move(call), AboutKey(Operation::kGetJob, name),
      [&](Request& request) -> StatusOr<registry::Job> {
        SR_ASSIGN_OR_RETURN(Uuid id, Uuid::Parse(job_id));
        return parts_.jobs.Get(request.named.key->id, id);
      });
}

StatusOr<std::string> KeyServiceImpl::GetJobReport(Call call,
                                                   const std::string& name,
                                                   const std::string& job_id) {
  return pipeline_.RunNow<std::string>(
      std::move(call), AboutKey(Operation::kGetJobReport, name),
      [&](Request& request) -> StatusOr<std::string> {
        SR_ASSIGN_OR_RETURN(Uuid id, Uuid::Parse(job_id));
        return parts_.jobs.Report(request.named.key->id, id);
      });
}

StatusOr<std::vector<registry::Job>> KeyServiceImpl::ListJobs(
    Call call, const std::string& name) {
  return pipeline_.RunNow<std::vector<registry::Job>>(
      std::move(call), AboutKey(Operation::kListJobs, name),
      [&](Request& request) {
        return parts_.jobs.List(request.named.key->id);
      });
}

StatusOr<registry::Job> KeyServiceImpl::MoveJob(Call call,
                                                const std::string& name,
                                                const std::string& job_id) {
  const JobMoveRow& row = JobMoveRowOf(call.operation);
  return pipeline_.RunNow<registry::Job>(
      std::move(call), AboutKey(row.operation, name),
      [&](Request& request) -> StatusOr<registry::Job> {
        request.record.detail = job_id;
        SR_ASSIGN_OR_RETURN(Uuid id, Uuid::Parse(job_id));
        return parts_.jobs.Move(request.named.key->id, id, row.move);
      });
}

StatusOr<CensusResult> KeyServiceImpl::GetCensus(Call call,
                                                 const std::string& name) {
  return pipeline_.RunNow<CensusResult>(
      std::move(call), AboutKey(Operation::kGetCensus, name),
      [&](Request& request) -> StatusOr<CensusResult> {
        const keyring::Key& key = *request.named.key;
        SR_ASSIGN_OR_RETURN(std::vector<keyring::Traces> traces,
                            parts_.keyring.TracesOf(key.id));
        SR_ASSIGN_OR_RETURN(const std::vector<store::CensusRow> rows,
                            parts_.registry.Census(key.id));
        SR_ASSIGN_OR_RETURN(const std::vector<store::ClaimRow> claims,
                            parts_.registry.Claims(key.id));
        CensusResult result;
        for (keyring::Traces& one : traces) {
          CensusVersion& out = result.versions.emplace_back();
          out.registered.version = one.version;
          for (const store::CensusRow& row : rows) {
            if (row.version == one.version) out.registered = row;
          }
          uint64_t claimed = 0;
          for (const store::ClaimRow& claim : claims) {
            if (claim.version != one.version) continue;
            claimed += claim.objects;
            out.claims.push_back(claim);
          }
          out.nothing_depends =
              key.always_required && one.version != key.primary &&
              out.registered.deks == 0 && claimed == 0 && !one.MayHaveIssued();
          out.traces = std::move(one);
        }
        return result;
      });
}

Status KeyServiceImpl::ReportDependence(Call call,
                                        const ReportCommand& command) {
  struct Nothing {};
  Uuid key_id;
  return pipeline_
      .RunNow<Nothing>(
          std::move(call),
          [&](Request& request) -> StatusOr<Target> {
            SR_RETURN_IF_ERROR(
                CheckCalledAs(request, Operation::kReportDependence));
            SR_ASSIGN_OR_RETURN(key_id, Uuid::Parse(command.key_id));
            Target target;
            target.key_ids = {key_id};
            return target;
          },
          [&](Request& request) -> StatusOr<Nothing> {
            const Subject& owner = request.owners.at(key_id);
            SR_RETURN_IF_ERROR(owner.verdict);
            request.record.key = owner.key->name;
            request.record.items =
                static_cast<uint32_t>(command.claimed.size());
            SR_RETURN_IF_ERROR(parts_.registry.Report(
                key_id, request.caller->id(), command.source, command.claimed));
            return Nothing{};
          })
      .status();
}

}  // namespace strongroom::service
