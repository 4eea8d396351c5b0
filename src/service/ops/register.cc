#include "service/ops/register.h"

#include <algorithm>
#include <utility>

#include "service/adapt.h"
#include "service/ops/seal.h"

namespace strongroom::service::ops {
namespace {

using model::RegistrationRule;

bool MayRegister(const Request& request) {
  return request.spec.action == auth::Action::kWrap ||
         request.spec.action == auth::Action::kGenerateDataKey;
}

bool SaysAnything(const model::SealCommand& command) {
  return !command.about.labels.empty() || !command.about.reference.empty() ||
         !command.request_id.empty() ||
         std::ranges::any_of(command.items, [](const model::SealInput& item) {
           return item.about.has_value();
         });
}

Status CheckAbout(const model::DekAbout& about) {
  SR_RETURN_IF_ERROR(ValidateLabels(about.labels));
  return model::ValidateReference(about.reference);
}

Status RequestIdReused() {
  return Error(Reason::kRequestIdReused,
               "the request_id was used less than 24 hours ago by a request "
               "that differs in its DEKs, contexts, labels or references; want "
               "a new random one for each request");
}

Status AnotherItemFailed() {
  return Error(Reason::kConflict,
               "nothing was registered, as another item of the request failed; "
               "mend that one, and send all again with the same request_id");
}

// Registering is one such request on its way.
class Registering : public std::enable_shared_from_this<Registering> {
 public:
  Registering(const auth::Permit& permit, std::shared_ptr<Request> request,
              model::SealCommand command, Done<model::SealResult> finish)
      : permit_(permit),
        registry_(request->rooms.registry(permit)),
        engine_(request->rooms.engine(permit)),
        request_(std::move(request)),
        command_(std::move(command)),
        with_plaintext_(GivesPlaintext(*request_, command_)),
        finish_(std::move(finish)) {
    if (command_.request_id.empty()) return;
    request_id_ = *Uuid::FromBytes(command_.request_id);
  }

  void Start();

 private:
  using Sealed = std::unique_ptr<batching::SealRequest>;
  using Ids = std::vector<registry::DekId>;

  bool all_or_none() const { return request_id_.has_value(); }
  const model::DekAbout& AboutOf(size_t item) const {
    const auto& own = command_.items[item].about;
    return own ? *own : command_.about;
  }
  void Register(Sealed sealed);
  void Registered(Sealed sealed, StatusOr<registry::Registered> registered);
  // Replay answers with what an earlier request of the same id registered.
  // `asked` has the secrets and contexts of this one.
  void Replay(Sealed asked, const Ids& ids);
  void Replayed(const batching::SealRequest& asked, const Ids& ids,
                batching::OpenRequest& opened);
  bool IsSame(const batching::SealItem& asked,
              const batching::OpenItem& opened) const;
  void Finish(StatusOr<model::SealResult> result) {
    finish_(std::move(result));
  }
  void FinishSealed(batching::SealRequest& sealed, const Ids& ids);

  // The request keeps it.
  const auth::Permit& permit_;
  registry::Registry& registry_;
  batching::Engine& engine_;
  const std::shared_ptr<Request> request_;
  model::SealCommand command_;
  const bool with_plaintext_;
  std::optional<Uuid> request_id_;
  const Done<model::SealResult> finish_;
};

void Registering::Start() {
  // The secrets are the only part of the command that is taken away.
  Sealed work = MakeSealRequest(permit_, *request_, command_);
  if (all_or_none()) {
    const bool good = std::ranges::all_of(
        work->items, [](const auto& item) { return item.status.ok(); });
    if (!good) return FinishSealed(*work, {});
    auto ids = registry_.FindRequest(permit_.caller().id(), *request_id_,
                                     work->key_id, work->items.size());
    if (!ids.ok()) return Finish(ids.status());
    if (ids->has_value()) return Replay(std::move(work), **ids);
    // Another request of this id may be quicker: then they are compared.
    work->keep_secrets = true;
  }
  work->done = [self = shared_from_this()](Sealed sealed) {
    self->Register(std::move(sealed));
  };
  engine_.Seal(std::move(work));
}

void Registering::Register(Sealed sealed) {
  registry::Registration registration;
  registration.caller = permit_.caller().id();
  registration.key_id = sealed->key_id;
  registration.request_id = request_id_;
  for (size_t i = 0; i < sealed->items.size(); ++i) {
    const batching::SealItem& item = sealed->items[i];
    if (!item.status.ok()) {
      if (all_or_none()) return FinishSealed(*sealed, {});
      continue;
    }
    const model::DekAbout& about = AboutOf(i);
    registration.deks.push_back(
        {item.header, item.leaf, about.labels, about.reference});
  }
  if (registration.deks.empty()) return FinishSealed(*sealed, {});
  // std::function wants what can be copied.
  auto kept = std::make_shared<Sealed>(std::move(sealed));
  registry_.Register(
      std::move(registration), [self = shared_from_this(), kept](
                                   StatusOr<registry::Registered> registered) {
        self->Registered(std::move(*kept), std::move(registered));
      });
}

void Registering::Registered(Sealed sealed,
                             StatusOr<registry::Registered> registered) {
  if (!registered.ok()) return Finish(registered.status());
  if (registered->replayed) return Replay(std::move(sealed), registered->ids);
  FinishSealed(*sealed, registered->ids);
}

// FinishSealed gives the items their ids; without any, no item was registered
// and those that were sealed are withheld.
void Registering::FinishSealed(batching::SealRequest& sealed, const Ids& ids) {
  if (ids.empty()) {
    for (batching::SealItem& item : sealed.items) {
      if (item.status.ok()) item.status = AnotherItemFailed();
    }
  }
  model::SealResult result = ToResult(*request_, with_plaintext_, sealed);
  size_t next = 0;
  for (model::SealedItem& item : result.items) {
    if (item.status.ok()) item.id = ids[next++];
  }
  Finish(Concluded(*request_, std::move(result), sealed.cost));
}

void Registering::Replay(Sealed asked, const Ids& ids) {
  StatusOr<std::vector<registry::Held>> held = registry_.Find(ids);
  if (!held.ok()) return Finish(held.status());
  auto work = std::make_unique<batching::OpenRequest>();
  work->caller = asked->caller;
  work->deadline = request_->deadline;
  work->purpose = asked->purpose;
  work->items.resize(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    registry::Held& from = (*held)[i];
    const model::DekAbout& about = AboutOf(i);
    batching::OpenItem& to = work->items[i];
    to.status = std::move(from.status);
    if (to.status.ok() &&
        (from.labels != about.labels || from.reference != about.reference)) {
      to.status = RequestIdReused();
    }
    to.token = std::move(from.token);
    to.context = asked->items[i].context;
  }
  auto kept = std::make_shared<Sealed>(std::move(asked));
  work->done = [self = shared_from_this(), kept,
                ids](std::unique_ptr<batching::OpenRequest> opened) {
    self->Replayed(**kept, ids, *opened);
  };
  engine_.Open(std::move(work));
}

// A data key was drawn then and is given again; a DEK that the caller brought
// must be the one it brought then.
bool Registering::IsSame(const batching::SealItem& asked,
                         const batching::OpenItem& opened) const {
  if (GeneratesDeks(*request_)) {
    return asked.secret.size() == opened.secret.size();
  }
  return asked.secret == opened.secret;
}

void Registering::Replayed(const batching::SealRequest& asked, const Ids& ids,
                           batching::OpenRequest& opened) {
  model::SealResult result;
  result.key_name = request_->key().name;
  result.items.resize(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    batching::OpenItem& from = opened.items[i];
    model::SealedItem& to = result.items[i];
    to.status = std::move(from.status);
    if (!to.status.ok()) {
      // Another context does not open it; nor does anything else go wrong so.
      const Reason reason = ReasonOf(to.status);
      if (reason == Reason::kNotAuthentic ||
          reason == Reason::kRequestIdReused) {
        return Finish(RequestIdReused());
      }
      continue;
    }
    if (!IsSame(asked.items[i], from)) return Finish(RequestIdReused());
    to.header = std::make_shared<const Bytes>(
        envelope::SerializeHeader(from.token.header));
    envelope::AppendLeaf(from.token.leaf, &to.leaf);
    to.key_version = from.token.header.key_version;
    if (with_plaintext_) to.dek = std::move(from.secret);
    to.id = ids[i];
  }
  Finish(Concluded(*request_, std::move(result), opened.cost));
}

}  // namespace

Status CheckRegistration(const Request& request,
                         const model::SealCommand& command) {
  if (!command.registers) {
    if (!SaysAnything(command)) return OkStatus();
    return Error(Reason::kArgumentInvalid,
                 "the request has labels, a reference or a request_id, which "
                 "belong to registered DEKs; want register = true with them");
  }
  if (!MayRegister(request)) {
    return Error(Reason::kArgumentInvalid,
                 std::string(request.spec.rpc) +
                     " cannot register; only wrapped DEKs can be");
  }
  if (!command.request_id.empty() && command.request_id.size() != Uuid::kSize) {
    return Error(Reason::kArgumentInvalid,
                 "request_id has " + std::to_string(command.request_id.size()) +
                     " bytes; want 16 random ones, or none");
  }
  SR_RETURN_IF_ERROR(CheckAbout(command.about));
  for (const model::SealInput& item : command.items) {
    if (item.about) SR_RETURN_IF_ERROR(CheckAbout(*item.about));
  }
  return OkStatus();
}

Status CheckRegistrationRule(const Request& request,
                             const model::SealCommand& command) {
  const model::Key& key = request.key();
  if (key.settings.registration == RegistrationRule::kRequired &&
      !command.registers) {
    return Error(Reason::kRegistrationRule,
                 "key " + key.name +
                     " demands registration; want a Wrap or GenerateDataKey "
                     "with register = true");
  }
  if (key.settings.registration == RegistrationRule::kOff &&
      command.registers) {
    return Error(Reason::kRegistrationRule,
                 "key " + key.name +
                     " does not register DEKs; want register = false, or the "
                     "key's registration set to optional or required");
  }
  return OkStatus();
}

void SealAndRegister(const auth::Permit& permit,
                     std::shared_ptr<Request> request,
                     model::SealCommand command,
                     Done<model::SealResult> finish) {
  std::make_shared<Registering>(permit, std::move(request), std::move(command),
                                std::move(finish))
      ->Start();
}

}  // namespace strongroom::service::ops
