#include "load/bench.h"

#include <absl/synchronization/mutex.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "load/compare.h"
#include "load/grpc_target.h"
#include "load/knee.h"
#include "load/operation.h"
#include "load/report.h"
#include "load/result.h"
#include "strongroom/base/version.h"

namespace strongroom::load {
namespace {

constexpr uint32_t kOpenInFlight = 4096;

struct RunOptions {
  WorkloadOptions workload;
  GrpcTargetOptions target;
  std::vector<double> rates;
  std::vector<uint32_t> in_flight;
  bool constant = false;
  bool find_knee = false;
  KneeRule knee;
  double warm_up_s = 1;
  double duration_s = 5;
  uint64_t seed = 1;
  std::string json_path;
  std::string html_path;
};

Status Write(const std::string& path, const std::string& text) {
  if (path == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return OkStatus();
  }
  std::ofstream file(path, std::ios::trunc);
  file << text;
  file.close();
  if (file) return OkStatus();
  return Error(Reason::kFileUnreadable, path + " cannot be written");
}

std::string Dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

std::vector<Load> LoadsOf(const RunOptions& options) {
  Load base;
  base.warm_up = Milliseconds(options.warm_up_s);
  base.duration = Milliseconds(options.duration_s);
  base.arrivals =
      options.constant ? ArrivalKind::kConstant : ArrivalKind::kPoisson;
  base.seed = options.seed;
  std::vector<Load> loads;
  for (double rate : options.rates) {
    Load load = base;
    load.rate = rate;
    load.in_flight =
        options.in_flight.empty() ? kOpenInFlight : options.in_flight.front();
    loads.push_back(load);
  }
  if (!loads.empty()) return loads;
  std::vector<uint32_t> in_flight = options.in_flight;
  if (in_flight.empty()) in_flight = {base.in_flight};
  for (uint32_t n : in_flight) {
    Load load = base;
    load.in_flight = n;
    loads.push_back(load);
  }
  return loads;
}

Json WorkloadJson(const RunOptions& options) {
  const WorkloadOptions& w = options.workload;
  return {{"name", w.name},
          {"keys", w.keys},
          {"size", w.size},
          {"items", w.name.starts_with("batch") ? w.items : 1},
          {"connections", options.target.connections},
          {"cost_asked", options.target.ask_cost}};
}

// MeasureAll prints as it goes; the text is for people, on standard error if
// the JSON goes to standard output.
void MeasureAll(const RunOptions& options, Target& target, Json* result) {
  std::FILE* people = options.json_path == "-" ? stderr : stdout;
  auto measure = [&](const Load& load) {
    Measurement measurement = Measure(target, load);
    Json point = PointJson(load, measurement);
    std::fputs(PointText(point).c_str(), people);
    std::fflush(people);
    (*result)["points"].push_back(std::move(point));
    return measurement;
  };
  std::fputs(HeadingText().c_str(), people);
  const std::vector<Load> loads = LoadsOf(options);
  if (options.find_knee) {
    const Knee knee = FindKnee(loads.front(), options.knee, measure);
    (*result)["knee"] = {{"capacity_per_s", knee.capacity},
                         {"rate_per_s", knee.rate},
                         {"p99_factor", options.knee.p99_factor}};
    std::fprintf(people, "knee: %.0f/s of a capacity of %.0f/s\n", knee.rate,
                 knee.capacity);
  } else {
    for (const Load& load : loads) measure(load);
  }
}

// FailuresIn is "" if every request of a run was answered well.
std::string FailuresIn(const Json& result) {
  std::string failures;
  for (const Json& point : result["points"]) {
    if (!point.contains("errors")) continue;
    failures +=
        "\n  " + point["label"].get<std::string>() + ": " +
        point["errors"].dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return failures;
}

// RunLoad gives what failed, as FailuresIn. While a knee is searched, requests
// fail beyond it: that is what it is.
StatusOr<std::string> RunLoad(RunOptions& options) {
  SR_ASSIGN_OR_RETURN(options.target.client, client::OptionsFromEnvironment());
  SR_ASSIGN_OR_RETURN(auto client,
                      client::Client::Connect(options.target.client));
  SR_ASSIGN_OR_RETURN(auto operation, MakeOperation(options.workload, *client));
  SR_ASSIGN_OR_RETURN(auto target, ConnectTarget(options.target, operation));
  Json result = {{"strongroom_bench", kResultVersion},
                 {"version", kVersion},
                 {"machine", MachineJson()},
                 {"workload", WorkloadJson(options)},
                 {"points", Json::array()}};
  MeasureAll(options, *target, &result);
  if (!options.json_path.empty()) {
    SR_RETURN_IF_ERROR(Write(options.json_path, Dump(result)));
  }
  if (!options.html_path.empty()) {
    SR_RETURN_IF_ERROR(Write(options.html_path, ReportHtml(result)));
  }
  return options.find_knee ? std::string() : FailuresIn(result);
}

void DeclareWorkload(CLI::App* run, RunOptions* options) {
  WorkloadOptions& w = options->workload;
  run->add_option("--workload", w.name, "One of the list below")
      ->capture_default_str();
  run->add_option("--key", w.key, "The key; created if it is not there")
      ->capture_default_str();
  run->add_option("--keys", w.keys, "Above 1: KEY/0, KEY/1, ... in turn")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  run->add_option("--size", w.size, "Bytes of a DEK or message")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  run->add_option("--answer", w.answer, "Bytes of an echo's answer")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  run->add_option("--items", w.items, "Items of a batch form")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  run->add_option("--batches", w.batches, "unwrap-random: distinct batches")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
}

void DeclareLoad(CLI::App* run, RunOptions* options) {
  run->add_option("--rate,--rates", options->rates,
                  "Open loop: requests per second, one or several")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  run->add_option("--in-flight", options->in_flight,
                  "Closed loop: requests under way, one or several (64); with "
                  "--rate: the most that may be under way (4096)")
      ->delimiter(',')
      ->check(CLI::Range(1, 65536));
  run->add_flag("--constant", options->constant,
                "Arrivals at even distances, not Poisson");
  run->add_flag("--find-knee", options->find_knee,
                "Search the highest rate that the service holds");
  run->add_option("--knee-factor", options->knee.p99_factor,
                  "It holds if p99 is at most so many times that of light load")
      ->check(CLI::Range(1.0, 1000.0))
      ->capture_default_str();
  run->add_option("--warm-up", options->warm_up_s, "Seconds before measuring")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  run->add_option("--duration", options->duration_s, "Seconds measured")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str();
  run->add_option("--seed", options->seed, "Of the Poisson arrivals")
      ->capture_default_str();
  run->add_option("--connections", options->target.connections, "TLS each")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  run->add_option("--threads", options->target.threads, "That take answers")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  run->add_flag("--cost", options->target.ask_cost,
                "Ask what each request cost (the caller needs `cost`)");
}

CLI::App* DeclareRun(CLI::App* app, RunOptions* options) {
  CLI::App* run = app->add_subcommand(
      "run", "Put a load on the service of STRONGROOM_ADDR and measure");
  DeclareWorkload(run, options);
  DeclareLoad(run, options);
  run->add_option("--json", options->json_path, "Write the result; -: stdout");
  run->add_option("--html", options->html_path, "Write a report");
  run->footer("Workloads:\n" + WorkloadHelp() +
              "\nExample: strongroom-bench run --workload wrap --rates "
              "1000,5000,20000 --html wrap.html");
  return run;
}

struct Documents {
  std::string a;
  std::string b;
  std::string out = "-";
};

Status Report(const Documents& documents) {
  SR_ASSIGN_OR_RETURN(Json result, ReadResult(documents.a));
  return Write(documents.out, ReportHtml(result));
}

Status Compare(const Documents& documents) {
  SR_ASSIGN_OR_RETURN(Json a, ReadResult(documents.a));
  SR_ASSIGN_OR_RETURN(Json b, ReadResult(documents.b));
  return Write("-", CompareText(a, b));
}

int Fail(const std::string& message, int code) {
  std::fprintf(stderr, "strongroom-bench: %s\n", message.c_str());
  return code;
}

}  // namespace

int StrongroomBench(const std::vector<std::string>& arguments) {
  signal(SIGPIPE, SIG_IGN);
  setenv("GRPC_VERBOSITY", "NONE", 0);
  // As the service does: else the generator measures absl's lock checking.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app{"Measures a key service, as its callers see it.",
               "strongroom-bench"};
  app.set_version_flag("--version",
                       std::string("strongroom-bench ") + kVersion);
  app.require_subcommand(1);
  RunOptions run;
  Documents documents;
  CLI::App* run_command = DeclareRun(&app, &run);
  CLI::App* report = app.add_subcommand("report", "Make the HTML of a result");
  report->add_option("RESULT", documents.a, "JSON of a run")->required();
  report->add_option("--out", documents.out, "-: stdout");
  CLI::App* compare =
      app.add_subcommand("compare", "Ratios of two results, point by point");
  compare->add_option("A", documents.a, "JSON of a run")->required();
  compare->add_option("B", documents.b, "JSON of another")->required();
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(std::move(reversed));
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const std::exception& error) {
    return Fail(std::string(error.what()) + "; see --help", 2);
  }
  if (*run_command) {
    const StatusOr<std::string> failures = RunLoad(run);
    if (failures.ok() && !failures->empty()) {
      return Fail("requests failed:" + *failures, 1);
    }
    return failures.ok() ? 0
                         : Fail(std::string(MessageOf(failures.status())), 1);
  }
  const Status status = *report ? Report(documents) : Compare(documents);
  return status.ok() ? 0 : Fail(std::string(MessageOf(status)), 1);
}

}  // namespace strongroom::load
