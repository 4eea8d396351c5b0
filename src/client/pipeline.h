// Pipeline: read, work on all cores, write in order; overlapped, with a fixed
// number of buffers, whatever the size of the stream.
#pragma once

#include <cstdint>
#include <functional>

#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::client {

struct PipelineShape {
  int threads = 1;
  size_t in_size = 0;   // of a piece, as it is read
  size_t out_size = 0;  // at most, as it is written
  int pieces = 3;       // buffers: at least 3
};

// A Worker belongs to one thread. It turns a piece into its output: `index`
// counts pieces, `last` says that none follows; it gives the output's size.
using PieceWorker = std::function<StatusOr<size_t>(
    uint64_t index, bool last, ByteView in, MutableByteView out)>;

// RunPipeline reads pieces until one is not full, and writes their outputs in
// order, none after a failure of an earlier one. `read` fills its buffer unless
// the stream ends. An empty stream is one empty piece. Gives the first failure
// in the order of the stream; `write` runs on this thread, `read` on one of its
// own. Buffers are wiped.
Status RunPipeline(const PipelineShape& shape,
                   const std::function<StatusOr<size_t>(MutableByteView)>& read,
                   const std::function<StatusOr<PieceWorker>()>& make_worker,
                   const std::function<Status(ByteView)>& write);

}  // namespace strongroom::client
