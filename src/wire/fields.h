// Small fields that messages share.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "strongroom/base/bytes.h"
#include "strongroom/base/clock.h"
#include "strongroom/base/names.h"
#include "strongroom/base/secret_bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::wire {

// Write: a Timestamp, whole microseconds; Read drops what is finer.
void Write(WallTime time, google::protobuf::Timestamp* out);
WallTime Read(const google::protobuf::Timestamp& time);

void Write(std::chrono::milliseconds duration, google::protobuf::Duration* out);
// Read* are ARGUMENT_INVALID, naming the field, for what is negative, longer
// than 10,000 years, or not whole.
StatusOr<std::chrono::seconds> ReadSeconds(
    const google::protobuf::Duration& duration, std::string_view field);
StatusOr<std::chrono::milliseconds> ReadMilliseconds(
    const google::protobuf::Duration& duration, std::string_view field);

// ReadId takes a UUID, or an empty text as the nil one. INTERNAL, naming the
// field, for anything else: of an answer it is the service's fault.
StatusOr<Uuid> ReadId(const std::string& text, std::string_view field);

template <typename Message>
Labels ReadLabels(const Message& message) {
  return Labels(message.labels().begin(), message.labels().end());
}
template <typename Message>
void WriteLabels(const Labels& labels, Message* message) {
  message->mutable_labels()->insert(labels.begin(), labels.end());
}

inline void SetBytes(ByteView bytes, std::string* field) {
  field->assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// TakeSecret moves a secret field into locked memory and wipes the field.
inline SecretBytes TakeSecret(std::string* field) {
  SecretBytes secret = SecretBytes::CopyOf(AsBytes(*field));
  WipeString(field);
  return secret;
}

// WipeSecrets wipes the plaintext fields of a message, in place: those named
// plaintext, dek or secret, in its items too.
template <typename Message>
void WipeSecrets(Message* message) {
  auto wipe = [](std::string* field) { WipeString(field); };
  if constexpr (requires { message->mutable_plaintext(); }) {
    if (!message->plaintext().empty()) wipe(message->mutable_plaintext());
  }
  if constexpr (requires { message->mutable_dek(); }) {
    if (!message->dek().empty()) wipe(message->mutable_dek());
  }
  if constexpr (requires { message->mutable_secret(); }) {
    if (!message->secret().empty()) wipe(message->mutable_secret());
  }
  if constexpr (requires { message->mutable_items()->begin(); }) {
    for (auto& item : *message->mutable_items()) WipeSecrets(&item);
  }
}

}  // namespace strongroom::wire
