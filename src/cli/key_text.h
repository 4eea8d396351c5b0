// Keys as text and as JSON.
#pragma once

#include <string>
#include <vector>

#include "cli/json.h"
#include "strongroom/client/client.h"

namespace strongroom::cli {

Json ToJson(const client::Traces& traces);
Json ToJson(const client::KeyVersion& version);
// ShowTraces is one clause: "3 unregistered wraps, first ..., last ...".
std::string ShowTraces(const client::Traces& traces, WallTime now);
Json ToJson(const client::Key& key);

// LabelText: "a=1, b=2", or "none".
std::string LabelText(const client::Labels& labels);
std::string ShowKey(const client::Key& key, WallTime now);
std::string ShowKeys(const std::vector<client::Key>& keys, WallTime now);

}  // namespace strongroom::cli
