// What lifecycle operations and views are asked and answer, beside the nouns
// themselves. Names and ids are as the caller sent them: the service judges
// them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "strongroom/model/census.h"
#include "strongroom/model/dek.h"
#include "strongroom/model/job.h"
#include "strongroom/model/key.h"

namespace strongroom::model {

struct Nothing {};

// OfKey asks about the key of this name.
struct OfKey {
  std::string name{};
};
struct CreateKey {
  std::string name{};
  KeySettings settings{};
};
struct UpdateKey {
  std::string name{};
  KeyChange change{};
};
struct ListKeys {
  std::string prefix{};
  uint32_t page_size = 0;  // 0: 500, which is the most
  std::string page_token{};
};
struct KeyPage {
  std::vector<Key> keys{};
  std::string next_page_token{};
};

struct MoveVersion {
  std::string name{};
  uint32_t version = 0;
  bool acknowledge_unregistered = false;  // belongs to a destruction
};
struct MovedVersion {
  Version version{};
  bool primary = false;
};

// OfDek asks about one registered DEK of a key.
struct OfDek {
  std::string name{};
  std::string dek_id{};
};
struct ListDeks {
  std::string name{};
  uint32_t key_version = 0;  // 0: any
  Labels labels{};           // all must be there with this value
  uint32_t page_size = 0;    // 0: 500; at most 1000
  std::string page_token{};
};
struct DekPage {
  std::vector<Dek> deks{};
  std::string next_page_token{};
};

// OfJob asks about one rewrap job of a key.
struct OfJob {
  std::string name{};
  std::string job_id{};
};
struct StartRewrap {
  std::string name{};
  JobOptions options{};
  bool dry_run = false;
};
struct JobReport {
  std::string document{};  // a DSSE envelope in JSON
};

// ReportDependence is what a caller says that it keeps.
struct ReportDependence {
  std::string key_id{};  // a UUID, as it is in every token
  std::string source{};
  std::vector<Claimed> claimed{};
};

}  // namespace strongroom::model
