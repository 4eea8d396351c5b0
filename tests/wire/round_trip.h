// Messages through the bytes and back, as a door and a row do it.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/testing/status_matchers.h"
#include "wire/request.h"

namespace strongroom::testing {

inline constexpr char kRequestId[] = "request-1";

// ReadBytes gives what a row reads of these bytes.
template <typename Message, typename Command>
StatusOr<Command> ReadBytes(const std::string& bytes, bool* compact = nullptr) {
  Bytes copy = ToBytes(AsBytes(bytes));
  const MutableByteView piece(copy);
  Command command;
  bool ignored = false;
  SR_RETURN_IF_ERROR(wire::ReadRequest<Message>(
      wire::Pieces(&piece, 1), &command, compact ? compact : &ignored));
  return command;
}

template <typename Command, typename Message>
StatusOr<Command> ReadAs(const Message& request) {
  return ReadBytes<Message, Command>(request.SerializeAsString());
}

// AnswerOf gives the message that a row writes of this result.
template <typename Message, typename Result>
StatusOr<Message> AnswerOf(const Result& result, bool compact = false) {
  SR_ASSIGN_OR_RETURN(WipedBytes bytes, wire::WriteAnswer<Message>(
                                            {compact, kRequestId}, result));
  Message message;
  EXPECT_TRUE(
      message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return message;
}

}  // namespace strongroom::testing
