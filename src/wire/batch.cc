#include "wire/batch.h"

#include <google/protobuf/io/coded_stream.h>

#include <unordered_map>
#include <utility>

#include "wire/status.h"

namespace strongroom::wire {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr uint32_t kVarint = 0;
constexpr uint32_t kBytes = 2;

// Every field here has a number below 16, so its tag is one byte.
constexpr uint8_t Tag(uint32_t field, uint32_t wire_type) {
  return static_cast<uint8_t>(field << 3 | wire_type);
}

// The same in both requests.
constexpr uint8_t kItems = Tag(2, kBytes);
constexpr uint8_t kSecretOfItem = Tag(1, kBytes);

// ReadNumber reads a tag or a size, in as few bytes as it needs: of longer
// forms CodedInputStream takes some that protobuf's messages do not, and where
// one stands a field is longer than its numbers say.
bool ReadNumber(CodedInputStream* in, uint32_t* value) {
  const int before = in->CurrentPosition();
  return in->ReadVarint32(value) &&
         in->CurrentPosition() - before ==
             static_cast<int>(CodedOutputStream::VarintSize32(*value));
}

bool TakeSecretOf(CodedInputStream* in, std::vector<SecretBytes>* secrets) {
  uint32_t item_size;
  uint32_t tag;
  uint32_t size;
  if (secrets->size() == model::kMaxBatchRequestItems) return false;
  if (!ReadNumber(in, &item_size) || !ReadNumber(in, &tag) ||
      tag != kSecretOfItem || !ReadNumber(in, &size)) {
    return false;
  }
  // All of the item: its tag, the size, the secret.
  if (size_t{1} + CodedOutputStream::VarintSize32(size) + size != item_size) {
    return false;
  }
  // Said to be there is not there: no memory before the bytes are seen.
  if (static_cast<int64_t>(size) > in->BytesUntilLimit()) return false;
  SecretBytes& secret = secrets->emplace_back(size);
  return in->ReadRaw(secret.ExposeMutable().data(), static_cast<int>(size));
}

bool CopyField(uint32_t tag, CodedInputStream* in, std::string* rest) {
  const auto append = [rest](uint64_t value) {
    uint8_t bytes[10];
    const uint8_t* end = CodedOutputStream::WriteVarint64ToArray(value, bytes);
    rest->append(reinterpret_cast<char*>(bytes), end - bytes);
  };
  append(tag);
  if ((tag & 7) == kVarint) {
    uint64_t value;
    if (!in->ReadVarint64(&value)) return false;
    append(value);
    return true;
  }
  uint32_t size;
  if ((tag & 7) != kBytes || !ReadNumber(in, &size)) return false;
  if (static_cast<int64_t>(size) > in->BytesUntilLimit()) return false;
  append(size);
  std::string value;
  if (!in->ReadString(&value, static_cast<int>(size))) return false;
  *rest += value;
  return true;
}

// Headers gives each distinct header of a compact answer its place. Items of
// one batch share one header object, so its address is enough.
class Headers {
 public:
  uint32_t IndexOf(const Bytes* header) {
    if (header == last_) return last_index_;
    auto [place, added] =
        indices_.try_emplace(header, static_cast<uint32_t>(all_.size()));
    if (added) all_.push_back(header);
    last_ = header;
    last_index_ = place->second;
    return last_index_;
  }
  const std::vector<const Bytes*>& all() const { return all_; }

 private:
  std::vector<const Bytes*> all_;
  std::unordered_map<const Bytes*, uint32_t> indices_;
  const Bytes* last_ = nullptr;
  uint32_t last_index_ = 0;
};

// Counter and Writer take the same calls: what the one counts, the other puts.
// As in proto3, what is empty or 0 is left out.
class Counter {
 public:
  void Number(uint32_t, uint32_t value) {
    if (value != 0) size_ += 1 + CodedOutputStream::VarintSize32(value);
  }
  void Open(uint32_t, size_t size) {
    size_ += 1 + CodedOutputStream::VarintSize32(static_cast<uint32_t>(size));
  }
  void Raw(ByteView bytes) { size_ += bytes.size(); }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

class Writer {
 public:
  explicit Writer(uint8_t* to) : to_(to) {}
  void Number(uint32_t field, uint32_t value) {
    if (value == 0) return;
    *to_++ = Tag(field, kVarint);
    to_ = CodedOutputStream::WriteVarint32ToArray(value, to_);
  }
  void Open(uint32_t field, size_t size) {
    *to_++ = Tag(field, kBytes);
    to_ = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(size),
                                                  to_);
  }
  void Raw(ByteView bytes) {
    if (!bytes.empty()) to_ = std::copy(bytes.begin(), bytes.end(), to_);
  }

 private:
  uint8_t* to_;
};

template <typename Out>
void PutField(uint32_t field, ByteView bytes, Out* out) {
  if (bytes.empty()) return;
  out->Open(field, bytes.size());
  out->Raw(bytes);
}

class Answer {
 public:
  Answer(const AnswerShape& shape, const model::SealResult& result)
      : shape_(shape), result_(result) {
    for (const model::SealedItem& item : result.items) {
      if (!item.status.ok()) {
        v1::ItemStatus status;
        Write(item.status, shape.request_id, &status);
        failures_.push_back(status.SerializeAsString());
      } else if (shape.compact) {
        headers_.IndexOf(item.header.get());
      }
    }
  }

  template <typename Out>
  void Put(Out* out) {
    size_t failure = 0;
    for (const model::SealedItem& item : result_.items) {
      const std::string* failed =
          item.status.ok() ? nullptr : &failures_[failure++];
      Counter size;
      PutItem(item, failed, &size);
      out->Open(1, size.size());
      PutItem(item, failed, out);
    }
    for (const Bytes* header : headers_.all()) {
      out->Open(2, header->size());
      out->Raw(*header);
    }
    PutField(3, AsBytes(result_.key_name), out);
  }

 private:
  template <typename Out>
  void PutItem(const model::SealedItem& item, const std::string* failed,
               Out* out) {
    if (failed != nullptr) {
      out->Open(4, failed->size());
      return out->Raw(AsBytes(*failed));
    }
    if (shape_.compact) {
      PutField(1, item.leaf, out);
      out->Number(2, headers_.IndexOf(item.header.get()));
    } else {
      out->Open(1, item.header->size() + item.leaf.size());
      out->Raw(*item.header);
      out->Raw(item.leaf);
    }
    PutField(3, item.dek.Expose(), out);
    out->Number(5, item.key_version);
    if (item.id.has_value()) PutField(6, AsBytes(item.id->ToString()), out);
  }

  const AnswerShape shape_;
  const model::SealResult& result_;
  Headers headers_;
  std::vector<std::string> failures_;
};

}  // namespace

std::optional<PlainItems> TakePlainItems(Pieces pieces) {
  PieceStream stream(pieces);
  CodedInputStream in(&stream);
  in.PushLimit(static_cast<int>(SizeOf(pieces)));
  PlainItems items;
  while (in.BytesUntilLimit() > 0) {
    uint32_t tag;
    if (!ReadNumber(&in, &tag)) return std::nullopt;
    const bool taken = tag == kItems ? TakeSecretOf(&in, &items.secrets)
                                     : CopyField(tag, &in, &items.rest);
    if (!taken) return std::nullopt;
  }
  return items;
}

void AddItems(std::vector<SecretBytes>* secrets, model::SealCommand* command) {
  command->items.reserve(command->items.size() + secrets->size());
  for (SecretBytes& secret : *secrets) {
    command->items.emplace_back().secret = std::move(secret);
  }
}

WipedBytes WriteSealedItems(const AnswerShape& shape,
                            const model::SealResult& result) {
  Answer answer(shape, result);
  Counter size;
  answer.Put(&size);
  WipedBytes bytes(size.size());
  Writer writer(bytes.data());
  answer.Put(&writer);
  return bytes;
}

}  // namespace strongroom::wire
