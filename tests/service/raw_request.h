// RawRequests: a well-formed request of any row, as bytes, made from what its
// message is declared to have; and what the bytes of its answer say.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"
#include "strongroom/service/key_service.h"
#include "strongroom/v1/key_admin.pb.h"
#include "strongroom/v1/key_service.pb.h"

namespace strongroom::service {

inline const google::protobuf::MethodDescriptor& MethodOf(
    const OperationSpec& spec) {
  // Also links the messages in.
  const auto* pool = v1::WrapRequest::descriptor()->file()->pool();
  const auto* other = v1::GetKeyRequest::descriptor();
  EXPECT_EQ(other->file()->pool(), pool);
  const auto* method =
      pool->FindMethodByName("strongroom.v1." + std::string(spec.service) +
                             "." + std::string(spec.rpc));
  if (method == nullptr) {
    ADD_FAILURE() << spec.rpc << " is no RPC";
    std::abort();
  }
  return *method;
}

using MessagePtr = std::unique_ptr<google::protobuf::Message>;
inline MessagePtr NewMessage(const google::protobuf::Descriptor& type) {
  return MessagePtr(google::protobuf::MessageFactory::generated_factory()
                        ->GetPrototype(&type)
                        ->New());
}

// Fill sets the fields whose names `values` has, in messages within too; a
// repeated field gets one. Of a token and an id that name the same thing only
// the token is set.
inline void Fill(const std::map<std::string, std::string>& values,
                 google::protobuf::Message* message) {
  using google::protobuf::FieldDescriptor;
  const auto& type = *message->GetDescriptor();
  const auto& reflection = *message->GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_map()) continue;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const bool wanted = values.count(field.name()) > 0;
      if (wanted && field.is_repeated()) {
        Fill(values, reflection.AddMessage(message, &field));
      } else if (wanted) {
        Fill(values, reflection.MutableMessage(message, &field));
      }
      continue;
    }
    const auto value = values.find(field.name());
    if (value == values.end()) continue;
    if (field.name() == "dek_id" &&
        type.FindFieldByName("wrapped_dek") != nullptr) {
      continue;
    }
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      if (field.is_repeated()) {
        reflection.AddString(message, &field, value->second);
      } else {
        reflection.SetString(message, &field, value->second);
      }
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
      reflection.SetUInt32(message, &field,
                           static_cast<uint32_t>(std::stoul(value->second)));
    }
  }
}

// RowOf gives the row of this RPC, which there is.
inline const Row& RowOf(std::string_view rpc) {
  for (const Row* row : AllRows()) {
    if (row->spec->rpc == rpc) return *row;
  }
  ADD_FAILURE() << rpc << " has no row";
  std::abort();
}

// FirstItemOf gives the failure of an answer's first item, if it has items.
inline Status FirstItemOf(const google::protobuf::Message& answer) {
  const auto& reflection = *answer.GetReflection();
  const auto* items = answer.GetDescriptor()->FindFieldByName("items");
  if (items == nullptr || !items->is_repeated() ||
      reflection.FieldSize(answer, items) == 0) {
    return OkStatus();
  }
  const auto& item = reflection.GetRepeatedMessage(answer, items, 0);
  const auto* field = item.GetDescriptor()->FindFieldByName("status");
  if (field == nullptr || !item.GetReflection()->HasField(item, field)) {
    return OkStatus();
  }
  const auto& status = dynamic_cast<const v1::ItemStatus&>(
      item.GetReflection()->GetMessage(item, field));
  const auto reason = ReasonFromName(status.reason());
  return Error(reason.value_or(Reason::kInternal), status.message());
}

}  // namespace strongroom::service
