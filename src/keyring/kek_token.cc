#include "keyring/kek_token.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "keyring/kek_label.h"
#include "strongroom/base/mutex.h"
#include "strongroom/envelope/token.h"

namespace strongroom::keyring {
namespace {

constexpr std::chrono::seconds kSealPatience{30};

// What Seal answers, handed from the device's thread to the one that waits.
class Answer {
 public:
  void Set(hsm::SealAnswer result) SR_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    result_ = std::move(result);
    set_.SignalAll();
  }
  hsm::SealAnswer Wait() SR_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!result_) set_.Wait(mutex_);
    return *std::move(result_);
  }

 private:
  Mutex mutex_;
  CondVar set_;
  std::optional<hsm::SealAnswer> result_ SR_GUARDED_BY(mutex_);
};

}  // namespace

std::string KekToken::LabelOf(const store::VersionRow& row) const {
  return KekLabel{installation_, row.key_id, row.version}.ToString();
}

StatusOr<Inventory> KekToken::TakeInventory() const {
  SR_ASSIGN_OR_RETURN(std::vector<hsm::TokenObject> objects, device_.List());
  Inventory inventory;
  for (hsm::TokenObject& object : objects) {
    const auto label = KekLabel::Parse(object.label);
    if (label && label->installation != installation_) ++inventory.foreign;
    if (label && label->installation == installation_) {
      uint32_t& highest = inventory.highest[label->key_id];
      highest = std::max(highest, label->version);
      inventory.labelled.push_back(object);
    }
    StatusOr<Uuid> id = Uuid::FromBytes(object.id);
    if (!id.ok() || object.object_class != "secret-key") continue;
    inventory.keks.insert_or_assign(*id, std::move(object));
  }
  return inventory;
}

bool KekToken::IsProper(const hsm::TokenObject& object,
                        const store::VersionRow& row) const {
  return object.object_class == "secret-key" && object.sensitive &&
         !object.extractable && object.label == LabelOf(row);
}

Status KekToken::Create(const store::VersionRow& row) const {
  return device_.CreateKek(row.kek_id, LabelOf(row));
}

StatusOr<Bytes> KekToken::SealKnownAnswer(const store::VersionRow& row,
                                          uint64_t* left) const {
  const SteadyTime deadline = clock_.Steady() + kSealPatience;
  hsm::SealRetries retries;
  for (;;) {
    hsm::SealAnswer answer = SealOnce(row, deadline);
    if (*left == 0 || !retries.Take(answer)) return std::move(answer.sealed);
    --*left;
  }
}

hsm::SealAnswer KekToken::SealOnce(const store::VersionRow& row,
                                   SteadyTime deadline) const {
  static constexpr std::array<uint8_t, envelope::kKnownAnswerSize> kPlaintext{};
  // Shared with the callback: the device may run it after an answer of its own.
  auto answer = std::make_shared<Answer>();
  device_.Seal(row.kek_id, envelope::KnownAnswerAad(row.key_id, row.version),
               kPlaintext, deadline, [answer](hsm::SealAnswer result) {
                 answer->Set(std::move(result));
               });
  return answer->Wait();
}

void KekToken::Adopt(const store::VersionRow& row) const {
  device_.Adopt({.id = row.kek_id,
                 .known_answer = {
                     .aad = envelope::KnownAnswerAad(row.key_id, row.version),
                     .sealed = row.known_answer}});
}

Status KekToken::Prove(const store::VersionRow& row) const {
  return device_.Prove(row.kek_id);
}

Status KekToken::Destroy(const store::VersionRow& row) const {
  SR_RETURN_IF_ERROR(device_.DestroyKek(row.kek_id));
  device_.Forget(row.kek_id);
  return OkStatus();
}

}  // namespace strongroom::keyring
