// The requests that the engine takes: secrets to seal, tokens to open, headers
// to rewrap. Fields are inputs unless marked otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/envelope/token.h"
#include "strongroom/model/cost.h"

namespace strongroom::batching {

using model::Cost;

// WorkClass says who goes first. Background work starts when no foreground work
// could, on all but a quarter of the sessions (at least one, of several), so
// that the next request finds one free. If the foreground never leaves a
// session, the background still gets its share of the token operations.
enum class WorkClass { kForeground, kBackground };
inline constexpr size_t kWorkClasses = 2;

// The share of background work, in percent of the token operations.
inline constexpr int kMinBackgroundShare = 1;
inline constexpr int kMaxBackgroundShare = 50;

// RequestBase is common to the three kinds of request.
struct RequestBase {
  std::string caller;  // whose turn it takes; of one class
  SteadyTime deadline;
  WorkClass work_class = WorkClass::kForeground;
  // kBackground: percent, kMinBackgroundShare to kMaxBackgroundShare; 0: the
  // engine's. Of several that wait, that of the next counts for all of them
  // together.
  int share = 0;
  Cost cost;  // out
};

struct SealItem {
  // In: the secret (size already checked), and its canonical context.
  SecretBytes secret;
  Bytes context;
  // Out, valid when status is OK: token = *header then leaf.
  Status status;
  std::shared_ptr<const Bytes> header;
  Bytes leaf;
  uint32_t key_version = 0;
};
struct SealRequest : RequestBase {
  Uuid key_id;
  envelope::Purpose purpose = envelope::Purpose::kWrappedDek;
  bool keep_secrets = false;  // else wiped once sealed
  std::vector<SealItem> items;
  std::function<void(std::unique_ptr<SealRequest>)> done;
};

struct OpenItem {
  // In.
  envelope::Token token;
  Bytes context;
  // An item that comes with a failure here is passed through untouched.
  Status status;
  // Out, valid when status is OK.
  SecretBytes secret;
};
struct OpenRequest : RequestBase {
  envelope::Purpose purpose = envelope::Purpose::kWrappedDek;
  std::vector<OpenItem> items;
  std::function<void(std::unique_ptr<OpenRequest>)> done;
};

struct RewrapItem {
  envelope::Header header;  // in; out when status is OK
  Status status;            // as in OpenItem
};
struct RewrapRequest : RequestBase {
  std::vector<RewrapItem> items;
  std::function<void(std::unique_ptr<RewrapRequest>)> done;
};

}  // namespace strongroom::batching
