#include "wire/status.h"

#include <string>

#include "strongroom/base/bytes.h"
#include "strongroom/base/log.h"

namespace strongroom::wire {
namespace {

constexpr size_t kMaxMessage = 1024;

bool IsFaultOfOurs(const Status& status) {
  return status.code() == StatusCode::kInternal ||
         status.code() == StatusCode::kDataLoss ||
         status.code() == StatusCode::kUnknown;
}

// Truncate cuts at a character's start, so that UTF-8 stays UTF-8.
void Truncate(std::string* text) {
  if (text->size() <= kMaxMessage) return;
  size_t end = kMaxMessage;
  while (end > 0 && (static_cast<uint8_t>((*text)[end]) & 0xc0) == 0x80) --end;
  text->resize(end);
  text->append("...");
}

void AddErrorInfo(const Status& status, std::string_view request_id,
                  google::rpc::Status* wire) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(ReasonName(ReasonOf(status))));
  info.set_domain("strongroom");
  (*info.mutable_metadata())["request_id"] = std::string(request_id);
  wire->add_details()->PackFrom(info);
}

void AddRetryInfo(std::chrono::milliseconds delay, google::rpc::Status* wire) {
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(delay.count() / 1000);
  info.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(delay.count() % 1000) * 1'000'000);
  wire->add_details()->PackFrom(info);
}

}  // namespace

std::string WireMessage(const Status& status, std::string_view request_id) {
  if (IsFaultOfOurs(status)) {
    log::Error("request failed by a fault of the service",
               {{"request", request_id}, {"status", status}});
    std::string text(ReasonName(ReasonOf(status)));
    text += ": the service failed; its log has the cause under request ";
    return text.append(request_id);
  }
  std::string text(MessageOf(status));
  if (!IsUtf8(text)) {
    for (char& c : text) {
      if (static_cast<uint8_t>(c) >= 0x80) c = '?';
    }
  }
  Truncate(&text);
  return text;
}

google::rpc::Status ToRpcStatus(const Status& status,
                                std::string_view request_id) {
  google::rpc::Status wire;
  // absl's codes and google.rpc.Code are the same numbers by design.
  wire.set_code(static_cast<int>(status.code()));
  wire.set_message(WireMessage(status, request_id));
  AddErrorInfo(status, request_id, &wire);
  if (auto delay = RetryAfterOf(status)) AddRetryInfo(*delay, &wire);
  return wire;
}

void Write(const Status& status, std::string_view request_id,
           v1::ItemStatus* item) {
  if (status.ok()) return;
  item->set_code(static_cast<int>(status.code()));
  item->set_reason(std::string(ReasonName(ReasonOf(status))));
  item->set_message(WireMessage(status, request_id));
}

}  // namespace strongroom::wire
