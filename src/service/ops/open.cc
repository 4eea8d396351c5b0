#include "service/ops/open.h"

#include <string_view>
#include <unordered_set>
#include <utility>

#include "service/limits.h"
#include "service/row.h"
#include "service/traces.h"

namespace strongroom::service::ops {
namespace {

TokenItem ParseWhole(ByteView bytes) {
  TokenItem item;
  StatusOr<envelope::Token> token = envelope::ParseToken(bytes);
  if (token.ok()) {
    item.token = *std::move(token);
  } else {
    item.status = token.status();
  }
  return item;
}

// What a rewrap takes: a whole token, or its header alone, which cannot be
// mistaken for one another, for a header says where it ends.
TokenItem ParseWholeOrHeader(ByteView bytes) {
  StatusOr<envelope::Header> header = envelope::ParseHeader(bytes);
  TokenItem item;
  if (header.ok()) {
    item.token.header_size = bytes.size();
    item.token.header = *std::move(header);
    return item;
  }
  item = ParseWhole(bytes);
  if (item.status.ok()) {
    item.leaf_bytes = ToBytes(bytes.subspan(item.token.header_size));
  }
  return item;
}

void CheckShredded(const Resolver& resolver, TokenItem* item) {
  if (!item->status.ok()) return;
  item->registered = resolver.CheckNotShredded(
      {item->token.header.batch_id, item->token.leaf.index});
}

// FindById looks up the items that came as ids, all at once.
Status FindById(const Resolver& resolver, const model::OpenCommand& command,
                std::vector<TokenItem>* items) {
  std::vector<registry::DekId> ids;
  std::vector<size_t> places;
  for (size_t i = 0; i < items->size(); ++i) {
    if (command.items[i].dek_id.empty()) continue;
    TokenItem& item = (*items)[i];
    item.by_id = true;
    StatusOr<registry::DekId> id =
        registry::DekId::Parse(command.items[i].dek_id);
    if (!command.items[i].token.empty()) {
      id = Error(Reason::kArgumentInvalid,
                 "an item has both a wrapped DEK and a dek_id; want one");
    }
    item.status = id.status();
    if (!id.ok()) continue;
    ids.push_back(*id);
    places.push_back(i);
  }
  if (ids.empty()) return OkStatus();
  SR_ASSIGN_OR_RETURN(std::vector<registry::Held> found, resolver.Find(ids));
  for (size_t i = 0; i < found.size(); ++i) {
    TokenItem& item = (*items)[places[i]];
    item.token = std::move(found[i].token);
    item.token.header.key_id = found[i].key_id;
    item.registered = std::move(found[i].status);
  }
  return OkStatus();
}

// HeaderSet counts headers that differ in any byte.
class HeaderSet {
 public:
  void Add(ByteView token, const TokenItem& item) {
    if (!item.status.ok()) return;
    headers_.insert(AsText(token.first(item.token.header_size)));
  }
  // AddHeld counts a batch that the service holds; it has one header.
  void AddHeld(const TokenItem& item) {
    if (!item.status.ok() || !item.registered.ok()) return;
    headers_.insert(AsText(item.token.header.batch_id.bytes()));
  }
  size_t size() const { return headers_.size(); }

 private:
  std::unordered_set<std::string_view> headers_;
};

StatusOr<Target> TargetOf(const std::string& name,
                          const std::vector<TokenItem>& items) {
  Target target;
  target.operations = items.size();
  if (!name.empty()) {
    SR_ASSIGN_OR_RETURN(target.name, KeyName::Parse(name));
  }
  for (const TokenItem& item : items) {
    if (!item.status.ok()) continue;
    const Uuid& id = item.token.header.key_id;
    if (target.key_ids.empty() || target.key_ids.back() != id) {
      target.key_ids.push_back(id);
    }
  }
  return target;
}

// OwnerOf is the verdict on a token's key. Only who may use both keys learns
// that the token is of another than the named one.
Status OwnerVerdict(const Owners& owners, const TokenItem& item) {
  const Uuid& key_id = item.token.header.key_id;
  const model::Key* named = owners.named().key.get();
  if (item.by_id && named != nullptr && named->id != key_id) {
    return Error(Reason::kDekNotFound,
                 "key " + named->name + " has no registered DEK of this id");
  }
  const Subject& owner = owners.Of(key_id);
  // Who may use every key learns that there is no such DEK; it has no key.
  if (item.by_id && owner.key == nullptr && owner.permit.has_value()) {
    return item.registered;
  }
  SR_RETURN_IF_ERROR(owner.verdict);
  if (named == nullptr || named->id == owner.key->id) return OkStatus();
  return Error(Reason::kArgumentInvalid,
               "the token is of key " + owner.key->name + "; want one of key " +
                   named->name +
                   ", as the request says, or a request without a name");
}

void Judge(const Owners& owners, std::vector<TokenItem>* items) {
  for (TokenItem& item : *items) {
    if (item.status.ok()) item.status = OwnerVerdict(owners, item);
    if (item.status.ok()) item.status = item.registered;
  }
}

model::OpenResult ToResult(const Owners& owners,
                           batching::OpenRequest& opened) {
  model::OpenResult result;
  result.items.resize(opened.items.size());
  for (size_t i = 0; i < opened.items.size(); ++i) {
    batching::OpenItem& from = opened.items[i];
    model::OpenedItem& to = result.items[i];
    to.status = std::move(from.status);
    if (!to.status.ok()) continue;
    to.key_name = owners.Of(from.token.header.key_id).key->name;
    to.key_version = from.token.header.key_version;
    to.secret = std::move(from.secret);
  }
  return result;
}

model::RewrapResult ToResult(const Owners& owners,
                             const std::vector<TokenItem>& items,
                             batching::RewrapRequest& rewrapped) {
  model::RewrapResult result;
  result.items.resize(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    batching::RewrapItem& from = rewrapped.items[i];
    model::RewrappedItem& to = result.items[i];
    to.status = std::move(from.status);
    if (!to.status.ok()) continue;
    to.key_name = owners.Of(from.header.key_id).key->name;
    to.key_version = from.header.key_version;
    to.previous_key_version = items[i].token.header.key_version;
    to.token = envelope::SerializeHeader(from.header);
    Append(&to.token, items[i].leaf_bytes);
  }
  return result;
}

void NoteOpened(keyring::Keyring& keyring,
                const batching::OpenRequest& opened) {
  OpenedVersions versions;
  for (const batching::OpenItem& item : opened.items) {
    const envelope::Header& header = item.token.header;
    if (item.status.ok()) versions.Add(header.key_id, header.key_version);
  }
  versions.Note(keyring);
}

StatusOr<Target> ResolveOpen(const Resolver& resolver, Request& request,
                             model::OpenCommand& command) {
  request.record.items = static_cast<uint32_t>(command.items.size());
  request.record.key = command.key_name;
  SR_RETURN_IF_ERROR(CheckItemCount(request.spec, command.items.size()));
  size_t bytes = WeightOf(command.context);
  for (const model::OpenInput& input : command.items) {
    bytes += input.token.size() + input.dek_id.size();
    if (input.context.has_value()) bytes += WeightOf(*input.context);
  }
  SR_RETURN_IF_ERROR(CheckWeight(request.spec, bytes));
  std::vector<TokenItem>& items = request.tokens;
  HeaderSet headers;
  items.reserve(command.items.size());
  for (const model::OpenInput& input : command.items) {
    if (!input.dek_id.empty()) {
      items.emplace_back();
      continue;
    }
    items.push_back(ParseWhole(input.token));
    CheckShredded(resolver, &items.back());
    headers.Add(input.token, items.back());
  }
  SR_RETURN_IF_ERROR(FindById(resolver, command, &items));
  for (const TokenItem& item : items) {
    if (item.by_id) headers.AddHeld(item);
  }
  SR_RETURN_IF_ERROR(CheckDistinctHeaders(headers.size()));
  return TargetOf(command.key_name, items);
}

StatusOr<Target> ResolveRewrap(const Resolver& resolver, Request& request,
                               model::RewrapCommand& command) {
  request.record.items = static_cast<uint32_t>(command.tokens.size());
  request.record.key = command.key_name;
  SR_RETURN_IF_ERROR(CheckItemCount(request.spec, command.tokens.size()));
  size_t bytes = 0;
  for (const Bytes& token : command.tokens) bytes += token.size();
  SR_RETURN_IF_ERROR(CheckWeight(request.spec, bytes));
  std::vector<TokenItem>& items = request.tokens;
  HeaderSet headers;
  items.reserve(command.tokens.size());
  for (const Bytes& token : command.tokens) {
    items.push_back(ParseWholeOrHeader(token));
    if (!items.back().leaf_bytes.empty()) {
      CheckShredded(resolver, &items.back());
    }
    headers.Add(token, items.back());
  }
  SR_RETURN_IF_ERROR(CheckDistinctHeaders(headers.size()));
  return TargetOf(command.key_name, items);
}

}  // namespace

void Open(const Owners& owners, std::shared_ptr<Request> request,
          model::OpenCommand command, Done<model::OpenResult> finish) {
  std::vector<TokenItem>& items = request->tokens;
  Judge(owners, &items);
  const Contexts contexts(command.context);
  auto work = std::make_unique<batching::OpenRequest>();
  work->caller = request->caller_id();
  work->deadline = request->deadline;
  work->purpose = PurposeOf(request->spec);
  work->items.resize(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    batching::OpenItem& item = work->items[i];
    item.token = std::move(items[i].token);
    item.status = std::move(items[i].status);
    if (!item.status.ok()) continue;
    StatusOr<Bytes> context = contexts.For(command.items[i].context);
    if (context.ok()) {
      item.context = *std::move(context);
    } else {
      item.status = context.status();
    }
  }
  batching::Engine& engine = request->rooms.engine(owners);
  // The request keeps its owners.
  work->done = [&owners, request = std::move(request),
                finish = std::move(finish)](
                   std::unique_ptr<batching::OpenRequest> opened) {
    NoteOpened(request->rooms.keyring(owners), *opened);
    finish(Concluded(*request, ToResult(owners, *opened), opened->cost));
  };
  engine.Open(std::move(work));
}

void Rewrap(const Owners& owners, std::shared_ptr<Request> request,
            model::RewrapCommand, Done<model::RewrapResult> finish) {
  std::vector<TokenItem>& items = request->tokens;
  Judge(owners, &items);
  auto work = std::make_unique<batching::RewrapRequest>();
  work->caller = request->caller_id();
  work->deadline = request->deadline;
  work->items.resize(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    work->items[i].header = items[i].token.header;
    work->items[i].status = items[i].status;
  }
  batching::Engine& engine = request->rooms.engine(owners);
  work->done = [&owners, request = std::move(request),
                finish = std::move(finish)](
                   std::unique_ptr<batching::RewrapRequest> rewrapped) {
    const std::vector<TokenItem>& tokens = request->tokens;
    model::RewrapResult result = ToResult(owners, tokens, *rewrapped);
    std::vector<Uuid> key_ids;
    for (const TokenItem& item : tokens) {
      key_ids.push_back(item.token.header.key_id);
    }
    const Status counted = CountRewrapped(request->rooms.keyring(owners),
                                          owners, result.items, key_ids);
    if (!counted.ok()) return finish(counted);
    finish(Concluded(*request, std::move(result), rewrapped->cost));
  };
  engine.Rewrap(std::move(work));
}

using auth::Action;

constexpr Opening kDecrypt = {
    .spec = {"Decrypt", kKeyService, Action::kDecrypt, OperationClass::kUnary},
    .resolve = ResolveOpen,
    .begin = Open};
constexpr Opening kUnwrap = {
    .spec = {"Unwrap", kKeyService, Action::kUnwrap, OperationClass::kUnary},
    .resolve = ResolveOpen,
    .begin = Open};
constexpr Opening kBatchDecrypt = {
    .spec = {"BatchDecrypt", kKeyService, Action::kDecrypt,
             OperationClass::kBatch},
    .resolve = ResolveOpen,
    .begin = Open};
constexpr Opening kBatchUnwrap = {
    .spec = {"BatchUnwrap", kKeyService, Action::kUnwrap,
             OperationClass::kBatch},
    .resolve = ResolveOpen,
    .begin = Open};
constexpr Rewrapping kRewrap = {
    .spec = {"Rewrap", kKeyService, Action::kRewrap, OperationClass::kUnary},
    .resolve = ResolveRewrap,
    .begin = Rewrap};
constexpr Rewrapping kBatchRewrap = {
    .spec = {"BatchRewrap", kKeyService, Action::kRewrap,
             OperationClass::kBatch},
    .resolve = ResolveRewrap,
    .begin = Rewrap};

constexpr Row kRows[] = {
    MakeRow<kDecrypt, v1::DecryptRequest, v1::DecryptResponse>(),
    MakeRow<kUnwrap, v1::UnwrapRequest, v1::UnwrapResponse>(),
    MakeRow<kRewrap, v1::RewrapRequest, v1::RewrapResponse>(),
    MakeRow<kBatchDecrypt, v1::BatchDecryptRequest, v1::BatchDecryptResponse>(),
    MakeRow<kBatchUnwrap, v1::BatchUnwrapRequest, v1::BatchUnwrapResponse>(),
    MakeRow<kBatchRewrap, v1::BatchRewrapRequest, v1::BatchRewrapResponse>()};
std::span<const Row> OpenRows() { return kRows; }

}  // namespace strongroom::service::ops
