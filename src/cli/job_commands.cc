// strongroom job ...
#include <algorithm>
#include <memory>
#include <thread>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/text.h"

namespace strongroom::cli {
namespace {

using client::Client;
using client::Job;

constexpr std::chrono::milliseconds kLookAgain{500};
constexpr uint64_t kBarWidth = 30;

struct JobArgs {
  std::string key;
  std::string id;
};

struct StartArgs {
  std::string key;
  client::StartRewrap start;
  bool watch = false;
};

void AddKey(CLI::App& command, std::string* key) {
  command.add_option("KEY", *key, "The key, like payments/cards")->required();
}

std::shared_ptr<JobArgs> AddJobArgs(CLI::App& command) {
  auto args = std::make_shared<JobArgs>();
  AddKey(command, &args->key);
  command.add_option("ID", args->id, "The job")->required();
  return args;
}

Json ToJson(const Job& job) {
  Json json;
  json["job_id"] = job.id.empty() ? Json(nullptr) : Json(job.id);
  json["state"] = job.state;
  json["from_versions"] = job.from_versions;
  json["batches_per_second"] = job.batches_per_second;
  json["min_share"] = job.min_share;
  json["created_by"] = job.created_by;
  json["create_time"] = FormatTime(job.created);
  json["update_time"] = FormatTime(job.updated);
  json["finish_time"] =
      job.finished ? Json(FormatTime(*job.finished)) : Json(nullptr);
  json["batches_total"] = job.batches_total;
  json["deks_total"] = job.deks_total;
  json["batches_moved"] = job.batches_moved;
  json["deks_moved"] = job.deks_moved;
  json["batches_left"] = job.batches_left;
  json["deks_left"] = job.deks_left;
  json["failure_count"] = job.failure_count;
  json["failures"] = Json::array();
  for (const client::JobFailure& failure : job.failures) {
    json["failures"].push_back({{"batch_id", failure.batch_id},
                                {"reason", failure.reason},
                                {"message", failure.message}});
  }
  json["waits_for"] =
      job.waits_for.empty() ? Json(nullptr) : Json(job.waits_for);
  return json;
}

bool IsFinished(const Job& job) { return job.finished.has_value(); }

std::string FromText(const Job& job) {
  if (job.from_versions.empty()) return "every version below the primary";
  std::string text = "version";
  for (uint32_t version : job.from_versions) {
    text += " " + std::to_string(version);
  }
  return text;
}

// Of what is and was to be moved: more may come while the job runs. After its
// end what is left now is other jobs' work, too.
uint64_t Percent(const Job& job) {
  if (job.state == "DONE") return 100;
  const uint64_t all = IsFinished(job)
                           ? std::max(job.batches_total, job.batches_moved)
                           : job.batches_moved + job.batches_left;
  return all == 0 ? 100 : job.batches_moved * 100 / all;
}

std::string RateText(const Job& job) {
  const auto seconds =
      std::chrono::duration<double>(job.updated - job.created).count();
  if (job.batches_moved == 0 || seconds <= 0) return "";
  const double rate = static_cast<double>(job.batches_moved) / seconds;
  std::string text = std::to_string(static_cast<uint64_t>(rate)) + " batches/s";
  if (IsFinished(job) || job.batches_left == 0) return text;
  const auto left = std::chrono::seconds(
      static_cast<int64_t>(static_cast<double>(job.batches_left) / rate) + 1);
  return text + ", about " + FormatDuration(left) + " more";
}

std::string ProgressLine(const Job& job) {
  const uint64_t filled = Percent(job) * kBarWidth / 100;
  std::string line = "[" + std::string(filled, '#') +
                     std::string(kBarWidth - filled, '.') + "] " +
                     std::to_string(Percent(job)) + "%  " +
                     std::to_string(job.deks_moved) + " DEKs in " +
                     std::to_string(job.batches_moved) + " batches";
  if (const std::string rate = RateText(job); !rate.empty()) {
    line += ", " + rate;
  }
  if (!job.waits_for.empty()) line += "; waits: " + Printable(job.waits_for);
  return line;
}

std::string ShowJob(const Job& job, WallTime now) {
  std::vector<std::pair<std::string, std::string>> facts = {
      {"Job", job.id},
      {"State", job.state},
      {"From", FromText(job)},
      {"Begun", ShowTime(job.created, now) + " by " + job.created_by},
      {"Moved", std::to_string(job.deks_moved) + " DEKs in " +
                    std::to_string(job.batches_moved) + " batches"},
      {IsFinished(job) ? "Left now" : "Left",
       std::to_string(job.deks_left) + " DEKs in " +
           std::to_string(job.batches_left) + " batches"},
  };
  if (job.batches_per_second > 0) {
    facts.push_back(
        {"Rate",
         "at most " + std::to_string(job.batches_per_second) + " batches/s"});
  }
  if (job.min_share > 0) {
    facts.push_back({"Share", "at least " + std::to_string(job.min_share) +
                                  "% of the token's operations"});
  }
  if (job.finished) facts.push_back({"Ended", ShowTime(*job.finished, now)});
  if (!job.waits_for.empty()) facts.push_back({"Waits for", job.waits_for});
  std::string text = Facts(facts);
  if (job.failure_count == 0) return text;
  std::vector<std::vector<std::string>> rows;
  for (const client::JobFailure& failure : job.failures) {
    rows.push_back({failure.batch_id, failure.reason, failure.message});
  }
  return text + "\n" + std::to_string(job.failure_count) +
         " batches cannot be moved:\n" +
         Table({"BATCH", "REASON", "MESSAGE"}, rows);
}

Status PrintJob(Session& session, const Job& job) {
  if (session.json()) return session.PrintJson(ToJson(job));
  return session.Print(ShowJob(job, session.now()));
}

// Watch shows progress on a terminal, says the end, and fails unless all was
// moved.
Status Watch(Session& session, Client& client, const std::string& key,
             Job job) {
  const Environment& environment = session.environment();
  const bool live = !session.json() && environment.is_terminal(environment.out);
  while (!IsFinished(job)) {
    if (live) {
      SR_RETURN_IF_ERROR(session.Print("\r\x1b[K" + ProgressLine(job)));
    }
    std::this_thread::sleep_for(kLookAgain);
    SR_ASSIGN_OR_RETURN(job, client.GetJob(key, job.id));
  }
  if (live) SR_RETURN_IF_ERROR(session.Print("\r\x1b[K"));
  SR_RETURN_IF_ERROR(PrintJob(session, job));
  if (job.state == "DONE") return OkStatus();
  return Error(Reason::kJobState, "job " + job.id + " ended " + job.state +
                                      "; " + std::to_string(job.deks_left) +
                                      " DEKs were not moved");
}

Status PrintPreview(Session& session, const StartArgs& args, const Job& job) {
  if (session.json()) return session.PrintJson(ToJson(job));
  return session.Print(Printable(args.key) + ": a job would move " +
                       std::to_string(job.deks_total) + " DEKs in " +
                       std::to_string(job.batches_total) +
                       " batches; nothing was changed\n");
}

using JobMethod = StatusOr<Job> (Client::*)(std::string_view, std::string_view);

Runner DeclareJobCall(CLI::App& command, JobMethod method) {
  auto args = AddJobArgs(command);
  return [args, method](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(Job job, (client->*method)(args->key, args->id));
    return PrintJob(session, job);
  };
}

}  // namespace

Runner DeclareJobStart(CLI::App& command) {
  auto args = std::make_shared<StartArgs>();
  AddKey(command, &args->key);
  command
      .add_option("--from", args->start.from_versions,
                  "Only this version; may be given again (default: all below "
                  "the primary)")
      ->allow_extra_args(false);
  command.add_option("--rate", args->start.batches_per_second,
                     "Batches per second at most (default: no limit)");
  command
      .add_option("--share", args->start.min_share,
                  "Percent of the token's operations that it gets however much "
                  "live traffic wants, 1 to 50 (default: the service's)")
      ->check(CLI::Range(1, 50));
  auto* dry = command.add_flag("--dry-run", args->start.dry_run,
                               "Only say what there would be to do");
  command.add_flag("--watch", args->watch, "Follow it to its end")
      ->excludes(dry);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(Job job,
                        client->StartRewrapJob(args->key, args->start));
    if (args->start.dry_run) return PrintPreview(session, *args, job);
    if (args->watch) {
      return Watch(session, *client, args->key, std::move(job));
    }
    if (session.json()) return session.PrintJson(ToJson(job));
    return session.Print("job " + job.id + " moves " +
                         std::to_string(job.deks_total) + " DEKs in " +
                         std::to_string(job.batches_total) +
                         " batches\nFollow it: strongroom job watch " +
                         Printable(args->key) + " " + job.id + "\n");
  };
}

Runner DeclareJobList(CLI::App& command) {
  auto key = std::make_shared<std::string>();
  AddKey(command, key.get());
  return [key](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(std::vector<Job> jobs, client->ListJobs(*key));
    if (session.json()) {
      Json list = Json::array();
      for (const Job& job : jobs) list.push_back(ToJson(job));
      return session.PrintJson(Json{{"jobs", std::move(list)}});
    }
    if (jobs.empty()) return session.Print("no rewrap jobs\n");
    std::vector<std::vector<std::string>> rows;
    for (const Job& job : jobs) {
      rows.push_back({job.id, job.state, std::to_string(Percent(job)) + "%",
                      std::to_string(job.deks_moved),
                      std::to_string(job.failure_count),
                      ShowTime(job.created, session.now())});
    }
    return session.Print(Table(
        {"JOB", "STATE", "DONE", "DEKS MOVED", "FAILURES", "BEGUN"}, rows));
  };
}

Runner DeclareJobShow(CLI::App& command) {
  return DeclareJobCall(command, &Client::GetJob);
}

Runner DeclareJobPause(CLI::App& command) {
  return DeclareJobCall(command, &Client::PauseJob);
}

Runner DeclareJobResume(CLI::App& command) {
  return DeclareJobCall(command, &Client::ResumeJob);
}

Runner DeclareJobCancel(CLI::App& command) {
  return DeclareJobCall(command, &Client::CancelJob);
}

Runner DeclareJobWatch(CLI::App& command) {
  auto args = AddJobArgs(command);
  return [args](Session& session) -> Status {
    SR_ASSIGN_OR_RETURN(Client * client, session.client());
    SR_ASSIGN_OR_RETURN(Job job, client->GetJob(args->key, args->id));
    return Watch(session, *client, args->key, std::move(job));
  };
}

}  // namespace strongroom::cli
