#include "client/pipeline.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "strongroom/base/mutex.h"
#include "strongroom/base/secret_bytes.h"

namespace strongroom::client {
namespace {

enum class Stage { kFree, kRead, kWorking, kDone };

struct Piece {
  Bytes in;
  Bytes out;
  size_t in_size = 0;
  size_t out_size = 0;
  bool last = false;
  Status status;
  Stage stage = Stage::kFree;
};

// A ring: piece k of the stream uses buffer k % size. A buffer belongs to
// whoever its stage names; the mutex guards stages and counters alone.
class Ring {
 public:
  // The first piece was read already.
  Ring(const PipelineShape& shape, Piece first)
      : pieces_(static_cast<size_t>(std::max(shape.pieces, 3))) {
    pieces_[0] = std::move(first);
    for (Piece& piece : pieces_) {
      piece.in.resize(shape.in_size);
      piece.out.resize(shape.out_size);
    }
  }
  ~Ring() {
    for (Piece& piece : pieces_) {
      WipeMemory(piece.in.data(), piece.in.size());
      WipeMemory(piece.out.data(), piece.out.size());
    }
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  Piece& At(uint64_t index) { return pieces_[index % pieces_.size()]; }

  // Await gives false when the pipeline stops first.
  bool Await(uint64_t index, Stage stage) SR_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!stopped_ && At(index).stage != stage) changed_.Wait(mutex_);
    return !stopped_;
  }
  void Set(uint64_t index, Stage stage) SR_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    At(index).stage = stage;
    changed_.SignalAll();
  }
  // TakeWork gives the next piece that was read; false at the end.
  bool TakeWork(uint64_t* index) SR_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!stopped_ && !all_taken_ && At(next_).stage != Stage::kRead) {
      changed_.Wait(mutex_);
    }
    if (stopped_ || all_taken_) return false;
    *index = next_++;
    At(*index).stage = Stage::kWorking;
    all_taken_ = At(*index).last;
    if (all_taken_) changed_.SignalAll();
    return true;
  }
  void Stop() SR_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    stopped_ = true;
    changed_.SignalAll();
  }

 private:
  std::vector<Piece> pieces_;
  Mutex mutex_;
  CondVar changed_;
  uint64_t next_ SR_GUARDED_BY(mutex_) = 0;
  bool all_taken_ SR_GUARDED_BY(mutex_) = false;
  bool stopped_ SR_GUARDED_BY(mutex_) = false;
};

void Fill(Piece& piece,
          const std::function<StatusOr<size_t>(MutableByteView)>& read) {
  StatusOr<size_t> size = read(piece.in);
  piece.status = size.status();
  piece.in_size = size.value_or(0);
  piece.last = !size.ok() || *size < piece.in.size();
}

void Work(Piece& piece, uint64_t index, const StatusOr<PieceWorker>& worker) {
  if (piece.status.ok()) piece.status = worker.status();
  if (!piece.status.ok()) return;
  StatusOr<size_t> size = (*worker)(
      index, piece.last, ByteView(piece.in).first(piece.in_size), piece.out);
  piece.status = size.status();
  piece.out_size = size.value_or(0);
}

// Whether a full piece is the last one shows only when the next is read.
void ReadAll(Ring& ring,
             const std::function<StatusOr<size_t>(MutableByteView)>& read) {
  for (uint64_t index = 0;; ++index) {
    Piece& piece = ring.At(index);
    if (!piece.last) {
      if (!ring.Await(index + 1, Stage::kFree)) return;
      Fill(ring.At(index + 1), read);
      const Piece& next = ring.At(index + 1);
      piece.last = next.status.ok() && next.in_size == 0;
    }
    const bool last = piece.last;  // it is another's once it is read
    ring.Set(index, Stage::kRead);
    if (last) return;
  }
}

void WorkAll(Ring& ring,
             const std::function<StatusOr<PieceWorker>()>& make_worker) {
  const StatusOr<PieceWorker> worker = make_worker();
  uint64_t index = 0;
  while (ring.TakeWork(&index)) {
    Work(ring.At(index), index, worker);
    ring.Set(index, Stage::kDone);
  }
}

Status WriteAll(Ring& ring, const std::function<Status(ByteView)>& write) {
  for (uint64_t index = 0;; ++index) {
    ring.Await(index, Stage::kDone);
    Piece& piece = ring.At(index);
    if (!piece.status.ok()) return piece.status;
    const bool last = piece.last;
    SR_RETURN_IF_ERROR(write(ByteView(piece.out).first(piece.out_size)));
    if (last) return OkStatus();
    ring.Set(index, Stage::kFree);
  }
}

}  // namespace

Status RunPipeline(const PipelineShape& shape,
                   const std::function<StatusOr<size_t>(MutableByteView)>& read,
                   const std::function<StatusOr<PieceWorker>()>& make_worker,
                   const std::function<Status(ByteView)>& write) {
  Piece first;
  first.in.resize(shape.in_size);
  Fill(first, read);
  if (first.last) {
    // A short stream is not worth a thread.
    first.out.resize(shape.out_size);
    Work(first, 0, make_worker());
    Status status = first.status;
    if (status.ok()) status = write(ByteView(first.out).first(first.out_size));
    WipeMemory(first.in.data(), first.in.size());
    WipeMemory(first.out.data(), first.out.size());
    return status;
  }
  Ring ring(shape, std::move(first));
  std::vector<std::thread> threads;
  threads.emplace_back([&] { ReadAll(ring, read); });
  for (int i = 0; i < std::max(shape.threads, 1); ++i) {
    threads.emplace_back([&] { WorkAll(ring, make_worker); });
  }
  const Status status = WriteAll(ring, write);
  ring.Stop();
  for (std::thread& thread : threads) thread.join();
  return status;
}

}  // namespace strongroom::client
