// Group write: appenders queue; the one at the front writes what waits, its own
// lines and the others', by one write(2), and settles them. What must be
// durable goes on to the syncing thread, which serves in groups likewise. It
// alone calls fdatasync, for the kernel tells a failed write-back only once.
#include "strongroom/audit/audit_log.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <span>
#include <thread>
#include <utility>

#include "audit/audit_file.h"
#include "audit/record_format.h"
#include "strongroom/base/log.h"
#include "strongroom/base/mutex.h"

namespace strongroom::audit {
namespace {

// So that nobody's answer waits for more than this to be written.
constexpr size_t kMaxGroupBytes = 1u << 20;

// Stopwatch gives a histogram the time of its own life.
class Stopwatch {
 public:
  explicit Stopwatch(Histogram& histogram)
      : histogram_(histogram), start_(Clock::System().Steady()) {}
  ~Stopwatch() {
    auto time = Clock::System().Steady() - start_;
    histogram_.Observe(std::chrono::duration<double>(time).count());
  }

 private:
  Histogram& histogram_;
  const SteadyTime start_;
};

class FileAuditLog final : public AuditLog {
 public:
  FileAuditLog(std::string path, std::unique_ptr<AuditFile> file,
               Metrics& metrics);
  ~FileAuditLog() override;

  Status Append(const Record& record, Durability durability) override
      SR_EXCLUDES(mutex_);
  void AppendThen(const Record& record, Durability durability,
                  Then then) override SR_EXCLUDES(mutex_);
  void Together(const std::function<void()>& work) override SR_EXCLUDES(mutex_);
  Status Ready() const override;
  Status Reopen() override SR_EXCLUDES(mutex_);

 private:
  enum class Stage { kQueued, kSyncing, kDone };
  struct Line {
    std::string body;
    Status status;  // of writing it
  };
  // Waiter is one call of Append, Together or Reopen, on its thread's stack.
  struct Waiter {
    std::span<Line> lines;  // none: Reopen
    bool durable = false;
    Stage stage = Stage::kQueued;
    Status status;  // of the rest
    CondVar changed;
  };
  // Gathering is the Together that is under way on a thread.
  struct Gathering {
    const FileAuditLog* log;
    std::vector<Line> lines;
    std::vector<Then> thens;
  };
  static Gathering*& Gathered() {
    static thread_local Gathering* here = nullptr;
    return here;
  }

  // WriteLines returns when all of the waiter is settled.
  void WriteLines(Waiter* self) SR_EXCLUDES(mutex_);

  // AwaitTurn returns when `self` leads the queue or a leader took it along.
  void AwaitTurn(Waiter* self) SR_REQUIRES(mutex_);
  void AwaitDone(Waiter* self) SR_REQUIRES(mutex_);
  // Leave takes the first `count` off the queue and lets the next one lead.
  void Leave(size_t count) SR_REQUIRES(mutex_);
  void Settle(Waiter* waiter, Status status) SR_REQUIRES(mutex_);
  void ToSyncer(Waiter* waiter) SR_REQUIRES(mutex_);

  // What the leader does, without the lock.
  std::vector<Waiter*> Group() SR_REQUIRES(mutex_);
  void Write(const std::vector<Waiter*>& group) SR_EXCLUDES(mutex_);
  Status Swap() SR_EXCLUDES(mutex_);
  Status ReplaceIfRemoved() SR_EXCLUDES(mutex_);
  void NoteHealth(const Status& status);

  void SyncLoop() SR_EXCLUDES(mutex_);
  Status Sync(AuditFile& file);

  const std::string path_;
  Counter& records_;
  Histogram& write_seconds_;
  Histogram& sync_seconds_;

  // The leader's own: who leads has it to itself.
  uint64_t next_sequence_;
  // Written by the leader alone.
  std::atomic<bool> healthy_ = true;

  Mutex mutex_;
  std::deque<Waiter*> queue_ SR_GUARDED_BY(mutex_);
  std::vector<Waiter*> sync_queue_ SR_GUARDED_BY(mutex_);
  std::shared_ptr<AuditFile> file_ SR_GUARDED_BY(mutex_);
  bool stopping_ SR_GUARDED_BY(mutex_) = false;
  CondVar sync_wanted_;
  std::thread syncer_;  // last: it uses the rest
};

FileAuditLog::FileAuditLog(std::string path, std::unique_ptr<AuditFile> file,
                           Metrics& metrics)
    : path_(std::move(path)),
      records_(metrics.GetCounter("strongroom_audit_records_total",
                                  "Audit records written.")),
      write_seconds_(metrics.GetHistogram(
          "strongroom_audit_write_seconds",
          "Time to write one group of audit records.", Buckets::kSeconds)),
      sync_seconds_(metrics.GetHistogram(
          "strongroom_audit_sync_seconds",
          "Time to make written audit records durable.", Buckets::kSeconds)),
      next_sequence_(file->next_sequence()),
      file_(std::move(file)),
      syncer_([this] { SyncLoop(); }) {}

FileAuditLog::~FileAuditLog() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    sync_wanted_.Signal();
  }
  syncer_.join();
}

Status FileAuditLog::Append(const Record& record, Durability durability) {
  Line line{FormatBody(record), {}};
  Waiter self;
  self.lines = {&line, 1};
  self.durable = durability == Durability::kDurable;
  WriteLines(&self);
  SR_RETURN_IF_ERROR(line.status);
  return self.status;
}

void FileAuditLog::AppendThen(const Record& record, Durability durability,
                              Then then) {
  Gathering* const gathering = Gathered();
  if (gathering == nullptr || gathering->log != this ||
      durability == Durability::kDurable) {
    return then(Append(record, durability));
  }
  gathering->lines.push_back({FormatBody(record), {}});
  gathering->thens.push_back(std::move(then));
}

void FileAuditLog::Together(const std::function<void()>& work) {
  Gathering gathering{this, {}, {}};
  Gathering* const outer = std::exchange(Gathered(), &gathering);
  work();
  Gathered() = outer;
  if (gathering.lines.empty()) return;
  Waiter self;
  self.lines = gathering.lines;
  WriteLines(&self);
  // The last of them may be what the owner of this log waits for.
  for (size_t i = 0; i < gathering.lines.size(); ++i) {
    gathering.thens[i](std::move(gathering.lines[i].status));
  }
}

void FileAuditLog::WriteLines(Waiter* self) {
  MutexLock lock(mutex_);
  queue_.push_back(self);
  AwaitTurn(self);
  if (self->stage == Stage::kQueued) {
    const std::vector<Waiter*> group = Group();
    mutex_.Unlock();
    Write(group);
    mutex_.Lock();
    for (Waiter* waiter : group) {
      if (waiter->durable && waiter->lines.front().status.ok()) {
        ToSyncer(waiter);
      } else {
        Settle(waiter, OkStatus());
      }
    }
    Leave(group.size());
  }
  AwaitDone(self);
}

Status FileAuditLog::Reopen() {
  Waiter self;
  MutexLock lock(mutex_);
  queue_.push_back(&self);
  AwaitTurn(&self);
  // While this one leads nobody writes: when the syncer is through with it,
  // all that is in the old file is durable.
  ToSyncer(&self);
  AwaitDone(&self);
  mutex_.Unlock();
  Status status = self.status.ok() ? Swap() : self.status;
  mutex_.Lock();
  Leave(1);
  return status;
}

Status FileAuditLog::Ready() const {
  if (healthy_.load(std::memory_order_acquire)) return OkStatus();
  return Error(Reason::kAuditUnavailable, "the audit log cannot be written");
}

void FileAuditLog::AwaitTurn(Waiter* self) {
  while (self->stage == Stage::kQueued && queue_.front() != self) {
    self->changed.Wait(mutex_);
  }
}

void FileAuditLog::AwaitDone(Waiter* self) {
  while (self->stage != Stage::kDone) self->changed.Wait(mutex_);
}

void FileAuditLog::Leave(size_t count) {
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(count));
  if (!queue_.empty()) queue_.front()->changed.Signal();
}

void FileAuditLog::Settle(Waiter* waiter, Status status) {
  waiter->status = std::move(status);
  waiter->stage = Stage::kDone;
  waiter->changed.Signal();
}

void FileAuditLog::ToSyncer(Waiter* waiter) {
  waiter->stage = Stage::kSyncing;
  sync_queue_.push_back(waiter);
  sync_wanted_.Signal();
}

std::vector<FileAuditLog::Waiter*> FileAuditLog::Group() {
  std::vector<Waiter*> group;
  size_t bytes = 0;
  for (Waiter* waiter : queue_) {
    if (waiter->lines.empty() || bytes > kMaxGroupBytes) break;
    for (const Line& line : waiter->lines) bytes += line.body.size();
    group.push_back(waiter);
  }
  return group;
}

void FileAuditLog::Write(const std::vector<Waiter*>& group) {
  Written written;
  written.status = ReplaceIfRemoved();
  std::shared_ptr<AuditFile> file;
  {
    MutexLock lock(mutex_);
    file = file_;
  }
  std::string text;
  std::vector<std::pair<Line*, size_t>> ends;
  uint64_t sequence = next_sequence_;
  for (const Waiter* waiter : group) {
    for (Line& line : waiter->lines) {
      AddSequence(sequence++, line.body, &text);
      text += '\n';
      ends.emplace_back(&line, text.size());
    }
  }

  {
    Stopwatch stopwatch(write_seconds_);
    if (written.status.ok()) written.status = file->EndTornLine();
    if (written.status.ok()) written = file->Append(text);
  }
  NoteHealth(written.status);

  size_t whole = 0;
  size_t whole_bytes = 0;
  for (const auto& [line, end] : ends) {
    if (end > written.bytes) {
      line->status = written.status;
      continue;
    }
    whole_bytes = end;
    ++whole;
  }
  // A torn line keeps its number: its remains are in the file, and may be all
  // of it but the newline.
  next_sequence_ += whole + (written.bytes > whole_bytes ? 1 : 0);
  records_.Add(static_cast<double>(whole));
}

Status FileAuditLog::Swap() {
  SR_ASSIGN_OR_RETURN(std::shared_ptr<AuditFile> fresh, AuditFile::Open(path_));
  // The numbers go on across files, so that a missing file shows.
  next_sequence_ = std::max(next_sequence_, fresh->next_sequence());
  MutexLock lock(mutex_);
  file_.swap(fresh);
  return OkStatus();
}

// A log that somebody removed is begun anew at its path: what would go on into
// the removed file would be answered, and lost.
Status FileAuditLog::ReplaceIfRemoved() {
  {
    MutexLock lock(mutex_);
    if (!file_->Removed()) return OkStatus();
  }
  SR_RETURN_IF_ERROR(Swap());
  log::Error("audit log was removed; a new one is begun",
             {{"path", path_}, {"next_sequence", next_sequence_}});
  MutexLock lock(mutex_);
  // What waits here is in the removed file.
  for (Waiter* waiter : std::exchange(sync_queue_, {})) {
    Settle(waiter, Error(Reason::kAuditUnavailable,
                         "audit log " + path_ + " was removed"));
  }
  return OkStatus();
}

// One line in the log when it starts and one when it is over, not one for each
// request in between.
void FileAuditLog::NoteHealth(const Status& status) {
  if (status.ok() == healthy_) return;
  healthy_ = status.ok();
  if (healthy_) {
    log::Info("audit log can be written again", {{"path", path_}});
  } else {
    log::Error("audit log cannot be written; requests are refused",
               {{"error", status}});
  }
}

void FileAuditLog::SyncLoop() {
  MutexLock lock(mutex_);
  while (true) {
    while (!stopping_ && sync_queue_.empty()) sync_wanted_.Wait(mutex_);
    if (sync_queue_.empty()) return;
    std::vector<Waiter*> group = std::exchange(sync_queue_, {});
    std::shared_ptr<AuditFile> file = file_;
    mutex_.Unlock();
    Status status = Sync(*file);
    mutex_.Lock();
    if (!status.ok()) {
      // Lines written meanwhile may be what the kernel failed to write back,
      // and it would not say so again.
      group.insert(group.end(), sync_queue_.begin(), sync_queue_.end());
      sync_queue_.clear();
    }
    for (Waiter* waiter : group) Settle(waiter, status);
  }
}

Status FileAuditLog::Sync(AuditFile& file) {
  Stopwatch stopwatch(sync_seconds_);
  Status status = file.Sync();
  if (!status.ok()) {
    log::Error("audit log cannot be made durable", {{"error", status}});
  }
  return status;
}

}  // namespace

StatusOr<std::unique_ptr<AuditLog>> OpenAuditLog(const std::string& path,
                                                 Metrics& metrics) {
  SR_ASSIGN_OR_RETURN(std::unique_ptr<AuditFile> file, AuditFile::Open(path));
  SR_RETURN_IF_ERROR(file->EndTornLine());
  return std::make_unique<FileAuditLog>(path, std::move(file), metrics);
}

}  // namespace strongroom::audit
