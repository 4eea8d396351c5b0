#include "strongroom/client/data_key_cache.h"

#include <string>
#include <utility>

#include "strongroom/envelope/bulk.h"
#include "strongroom/envelope/context.h"

namespace strongroom::client {
namespace {

StatusOr<Bytes> Canonical(const Context& context) {
  return envelope::CanonicalContext({context.begin(), context.end()});
}

// Each part with its length, so that no two lists have the same name.
Bytes NameOf(uint8_t kind, std::string_view key, ByteView context,
             ByteView wrapped_dek) {
  Bytes name{kind};
  for (const ByteView part : {AsBytes(key), context, wrapped_dek}) {
    AppendU32(&name, static_cast<uint32_t>(part.size()));
    Append(&name, part);
  }
  return name;
}

Bytes SealingName(std::string_view key, ByteView context) {
  return NameOf('s', key, context, {});
}

Bytes OpeningName(std::string_view key, ByteView context,
                  ByteView wrapped_dek) {
  return NameOf('o', key, context, wrapped_dek);
}

}  // namespace

StatusOr<DataKeyCache::Held> DataKeyCache::ForSealing(std::string_view key,
                                                      const Context& context,
                                                      uint64_t bytes) {
  if (bytes > limits_.max_bytes) {
    return Error(Reason::kArgumentInvalid,
                 "an object of " + std::to_string(bytes) +
                     " bytes; the cache's limit for all objects of a DEK is " +
                     std::to_string(limits_.max_bytes) +
                     ": use an envelope for it, or a higher limit");
  }
  SR_ASSIGN_OR_RETURN(const Bytes canonical, Canonical(context));
  return Get({.name = SealingName(key, canonical),
              .seals = true,
              .bytes = bytes,
              .fetch =
                  [&] {
                    return client_.GenerateDataKey(key, envelope::kBulkDekSize,
                                                   true, context);
                  },
              .opening_name =
                  [&](const DataKey& made) {
                    return OpeningName(key, canonical, made.wrapped_dek);
                  }});
}

StatusOr<DataKeyCache::Held> DataKeyCache::ForOpening(
    ByteView wrapped_dek, const Context& context,
    std::string_view expected_key) {
  SR_ASSIGN_OR_RETURN(const Bytes canonical, Canonical(context));
  return Get({.name = OpeningName(expected_key, canonical, wrapped_dek),
              .fetch = [&]() -> StatusOr<DataKey> {
                SR_ASSIGN_OR_RETURN(
                    Opened opened,
                    client_.Unwrap(wrapped_dek, context, expected_key));
                return DataKey{.dek = std::move(opened.secret),
                               .wrapped_dek = ToBytes(wrapped_dek),
                               .key_version = opened.key_version};
              },
              .opening_name = {}});
}

StatusOr<DataKeyCache::Held> DataKeyCache::Get(const Request& request) {
  const auto own = std::make_shared<Flight>();
  {
    MutexLock lock(mutex_);
    DropOldLocked();
    if (Held held = Take(request)) return held;
    const std::shared_ptr<Flight> other =
        flights_.try_emplace(request.name, own).first->second;
    if (other != own) {
      while (!other->landed) landed_.Wait(mutex_);
      if (!other->status.ok()) return other->status;
      if (Held held = Take(request)) return held;
      // Others took all its room: a call of its own, not one more to wait for.
    }
  }
  return Fetch(request, own.get());
}

StatusOr<DataKeyCache::Held> DataKeyCache::Fetch(const Request& request,
                                                 Flight* flight) {
  uint64_t clears;
  {
    MutexLock lock(mutex_);
    clears = clears_;
  }
  const SteadyTime end = clock_.Steady() + limits_.max_age;
  StatusOr<DataKey> fetched = request.fetch();
  const Held held = fetched.ok()
                        ? std::make_shared<const DataKey>(std::move(*fetched))
                        : nullptr;
  MutexLock lock(mutex_);
  flight->landed = true;
  flight->status = fetched.status();
  const auto registered = flights_.find(request.name);
  if (registered != flights_.end() && registered->second.get() == flight) {
    flights_.erase(registered);
  }
  landed_.SignalAll();
  if (held == nullptr) return fetched.status();
  // What was asked for before a Clear is not kept after it.
  if (clears != clears_) return held;
  Insert(request.name, held, end, request.bytes);
  if (request.opening_name) Insert(request.opening_name(*held), held, end, 0);
  return held;
}

DataKeyCache::Held DataKeyCache::Take(const Request& request) {
  const auto found = entries_.find(request.name);
  if (found == entries_.end()) return nullptr;
  Entry& entry = found->second;
  if (request.seals && (entry.uses >= limits_.max_uses ||
                        request.bytes > limits_.max_bytes - entry.bytes)) {
    Drop(request.name);
    return nullptr;
  }
  ++entry.uses;
  entry.bytes += request.bytes;
  return entry.held;
}

void DataKeyCache::Insert(const Bytes& name, Held held, SteadyTime end,
                          uint64_t bytes) {
  Drop(name);
  entries_.emplace(name, Entry{.held = std::move(held),
                               .uses = 1,
                               .bytes = bytes,
                               .end = by_end_.emplace(end, name)});
  while (entries_.size() > limits_.max_entries) {
    Drop(Bytes(by_end_.begin()->second));
  }
}

void DataKeyCache::Drop(const Bytes& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  by_end_.erase(found->second.end);
  entries_.erase(found);
}

void DataKeyCache::DropOldLocked() {
  const SteadyTime now = clock_.Steady();
  while (!by_end_.empty() && by_end_.begin()->first <= now) {
    Drop(Bytes(by_end_.begin()->second));
  }
}

void DataKeyCache::DropOld() {
  MutexLock lock(mutex_);
  DropOldLocked();
}

void DataKeyCache::Clear() {
  MutexLock lock(mutex_);
  ++clears_;
  entries_.clear();
  by_end_.clear();
}

}  // namespace strongroom::client
