// What the store alone can do for a rewrap job: read every leaf of a key's
// version once and give every batch another header, many to a transaction, and
// nothing else (no digest, no job, no census). It works on a copy of a store,
// which is worth nothing afterwards.
//
//   rotation_store STORE KEY BATCHES_IN_A_TRANSACTION
//
// Prints one JSON object: {"batches": ..., "leaf_bytes": ..., "seconds": ...}.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "strongroom/store/sqlite.h"
#include "strongroom/store/store.h"

namespace strongroom::store {
namespace {

struct Pass {
  Uuid key_id;
  uint32_t primary = 0;
  size_t chunk = 0;
  uint64_t batches = 0;
  uint64_t leaf_bytes = 0;
};

Status Begin(Store& store, const std::string& key, Pass* pass) {
  return store.Read([&](ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(const auto row, t.FindKey(key));
    if (!row) return Error(Reason::kKeyNotFound, "no key " + key);
    pass->key_id = row->id;
    pass->primary = row->primary_version;
    return OkStatus();
  });
}

StatusOr<bool> MoveSome(Store& store, Pass* pass, std::optional<Uuid>* after) {
  std::vector<BatchRow> rows;
  SR_RETURN_IF_ERROR(store.Read([&](ReadTransaction& t) -> Status {
    SR_ASSIGN_OR_RETURN(
        rows, t.deks().ListBatches(pass->key_id, pass->primary - 1, *after,
                                   pass->chunk));
    return OkStatus();
  }));
  if (rows.empty()) return false;
  SR_RETURN_IF_ERROR(store.Update([&](Transaction& t) -> Status {
    std::vector<Uuid> ids;
    for (const BatchRow& row : rows) ids.push_back(row.batch_id);
    SR_RETURN_IF_ERROR(
        t.deks().VisitLeaves(ids, [pass](const DekId&, ByteView leaf) {
          pass->leaf_bytes += leaf.size();
        }));
    std::vector<BatchRow> moved = rows;
    for (BatchRow& row : moved) {
      row.version = pass->primary;
      for (size_t i = 42; i < row.header.size(); ++i) row.header[i] ^= 0x5a;
    }
    return t.deks().UpdateBatches(moved);
  }));
  *after = rows.back().batch_id;
  pass->batches += rows.size();
  return true;
}

Status Run(const char* path, const std::string& key, size_t chunk) {
  SR_ASSIGN_OR_RETURN(auto store,
                      OpenSqliteStore({.path = path, .create = false}));
  Pass pass;
  pass.chunk = chunk;
  SR_RETURN_IF_ERROR(Begin(*store, key, &pass));
  const auto began = std::chrono::steady_clock::now();
  std::optional<Uuid> after;
  for (bool more = true; more;) {
    SR_ASSIGN_OR_RETURN(more, MoveSome(*store, &pass, &after));
  }
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - began;
  std::printf("{\"batches\": %llu, \"leaf_bytes\": %llu, \"seconds\": %.4f}\n",
              static_cast<unsigned long long>(pass.batches),
              static_cast<unsigned long long>(pass.leaf_bytes), took.count());
  return OkStatus();
}

}  // namespace
}  // namespace strongroom::store

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: rotation_store STORE KEY BATCHES\n");
    return 2;
  }
  const strongroom::Status status = strongroom::store::Run(
      argv[1], argv[2], std::strtoul(argv[3], nullptr, 10));
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n",
               std::string(strongroom::MessageOf(status)).c_str());
  return 1;
}
