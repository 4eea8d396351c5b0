// What the data plane is asked and answers: sealing, opening, rewrapping.
//
// A batch form has `items`; a unary form is a batch of one whose item's failure
// is the answer's failure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "strongroom/base/bytes.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/model/cost.h"
#include "strongroom/model/dek.h"

namespace strongroom::model {

// The caller's pairs, as they came: the service judges them.
using Context = std::vector<std::pair<std::string, std::string>>;

inline constexpr size_t kMaxBatchRequestItems = 4096;
inline constexpr size_t kMaxBatchRequestBytes = 4u << 20;
inline constexpr size_t kMaxDistinctHeaders = 256;

struct SealInput {
  SecretBytes secret;  // GenerateDataKey: empty, the service draws it
  std::optional<Context> context;   // none: the request's
  std::optional<DekAbout> about{};  // none: the request's
};
struct SealCommand {  // Encrypt, Wrap, GenerateDataKey, and Batch forms
  std::string key_name{};
  Context context{};
  std::vector<SealInput> items{};
  uint32_t dek_bytes = 0;  // GenerateDataKey: 0 means 32
  bool without_plaintext = false;
  // Wrap and GenerateDataKey, and Batch forms: the service keeps the DEKs. The
  // rest belongs to that.
  bool registers = false;
  DekAbout about{};
  Bytes request_id{};  // 16 bytes, or none
};
struct SealedItem {
  Status status{};
  std::shared_ptr<const Bytes> header{};
  Bytes leaf{};
  uint32_t key_version = 0;
  SecretBytes dek{};          // GenerateDataKey with plaintext
  std::optional<DekId> id{};  // if registered
};
// `cost` of a result is there if the call asked and the policy permits `cost`.
struct SealResult {
  std::string key_name{};
  std::vector<SealedItem> items{};
  std::optional<Cost> cost{};
};

struct OpenInput {
  Bytes token;
  std::optional<Context> context;  // none: the request's
  std::string dek_id{};            // instead of a token
};
struct OpenCommand {       // Decrypt, Unwrap, and Batch forms
  std::string key_name{};  // optional: must be the token's key
  Context context{};
  std::vector<OpenInput> items{};
};
struct OpenedItem {
  Status status{};
  std::string key_name{};
  uint32_t key_version = 0;
  SecretBytes secret{};
};
struct OpenResult {
  std::vector<OpenedItem> items{};
  std::optional<Cost> cost{};
};

struct RewrapCommand {
  std::string key_name{};       // optional
  std::vector<Bytes> tokens{};  // tokens, or headers alone
};
struct RewrappedItem {
  Status status{};
  std::string key_name{};
  uint32_t key_version = 0;
  uint32_t previous_key_version = 0;
  Bytes token{};
};
struct RewrapResult {
  std::vector<RewrappedItem> items{};
  std::optional<Cost> cost{};
};

}  // namespace strongroom::model
