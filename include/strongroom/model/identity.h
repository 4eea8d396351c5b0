// Who the service takes a caller for.
#pragma once

#include <string>
#include <vector>

namespace strongroom::model {

struct Identity {
  std::string caller{};               // the identity the policy matches
  std::string subject{};              // the certificate's, for people
  std::vector<std::string> grants{};  // the rules that name it, as text
  friend bool operator==(const Identity&, const Identity&) = default;
};

}  // namespace strongroom::model
