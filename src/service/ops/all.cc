// The families of operations.
#include "service/ops/census.h"
#include "service/ops/deks.h"
#include "service/ops/jobs.h"
#include "service/ops/keys.h"
#include "service/ops/open.h"
#include "service/ops/seal.h"
#include "service/ops/status.h"
#include "service/ops/token.h"
#include "service/ops/versions.h"

namespace strongroom::service {

std::vector<const Row*> AllRows() {
  std::vector<const Row*> all;
  for (const std::span<const Row>& family :
       {ops::SealRows(), ops::OpenRows(), ops::KeyRows(), ops::VersionRows(),
        ops::DekRows(), ops::JobRows(), ops::CensusRows(), ops::TokenRows(),
        ops::StatusRows()}) {
    for (const Row& row : family) all.push_back(&row);
  }
  return all;
}

}  // namespace strongroom::service
