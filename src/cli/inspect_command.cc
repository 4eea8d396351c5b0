// strongroom inspect: what token strings say of themselves. Offline.
#include <algorithm>
#include <memory>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/text.h"
#include "strongroom/envelope/token.h"

namespace strongroom::cli {
namespace {

using envelope::Header;
using envelope::Leaf;
using envelope::Purpose;

constexpr size_t kLeafBytesShown = 96;

struct InspectArgs {
  std::vector<std::string> files;
  bool base64 = false;
};

struct Item {
  std::string file;
  Header header;
  std::optional<Leaf> leaf;  // absent: a header alone
  Bytes leaf_bytes;
};

StatusOr<Item> ParseItem(const std::string& file, ByteView bytes) {
  Item item;
  item.file = NameOfInput(file);
  StatusOr<envelope::Token> token = envelope::ParseToken(bytes);
  if (token.ok()) {
    item.header = std::move(token->header);
    item.leaf = std::move(token->leaf);
    item.leaf_bytes = ToBytes(bytes.subspan(token->header_size));
    return item;
  }
  StatusOr<Header> header = envelope::ParseHeader(bytes);
  // What is wrong with it as a token says more than why it is no header.
  if (!header.ok()) return Annotate(token.status(), item.file);
  item.header = *std::move(header);
  return item;
}

const char* KindOf(const Item& item) {
  if (!item.leaf.has_value()) return "header";
  return item.leaf->purpose == Purpose::kWrappedDek ? "wrapped DEK"
                                                    : "ciphertext";
}

ByteView IvOf(const Header& header) {
  size_t size = header.sealed.size() == envelope::kSealedSizeIv16 ? 16 : 12;
  return ByteView(header.sealed).first(size);
}

size_t SecretSize(const Leaf& leaf) {
  return leaf.sealed.size() - envelope::kTagSize;
}

std::string LeafHex(const Item& item) {
  size_t shown = std::min(item.leaf_bytes.size(), kLeafBytesShown);
  std::string hex = ToHex(ByteView(item.leaf_bytes).first(shown));
  return shown < item.leaf_bytes.size() ? hex + "…" : hex;
}

std::string ShowItem(const Item& item) {
  const Header& header = item.header;
  std::vector<std::pair<std::string, std::string>> facts = {
      {"format", "1"},
      {"suite", "1 (AES-256-GCM)"},
      {"key id", header.key_id.ToString()},
      {"key version", std::to_string(header.key_version)},
      {"batch id", header.batch_id.ToString()},
      {"sealed batch key", std::to_string(header.sealed.size()) +
                               " bytes, IV " + ToHex(IvOf(header))}};
  if (item.leaf.has_value()) {
    const Leaf& leaf = *item.leaf;
    facts.insert(
        facts.end(),
        {{"leaf purpose",
          leaf.purpose == Purpose::kWrappedDek ? "1 (DEK)" : "2 (data)"},
         {"leaf salt", ToHex(leaf.salt)},
         {"leaf index", std::to_string(leaf.index)},
         {"secret", std::to_string(SecretSize(leaf)) + " bytes"},
         {"leaf", std::to_string(item.leaf_bytes.size()) + " bytes, " +
                      LeafHex(item)}});
  }
  return Printable(item.file) + ": " + KindOf(item) + "\n" + Facts(facts, 2);
}

Json ToJson(const Item& item) {
  const Header& header = item.header;
  Json json;
  json["file"] = item.file;
  json["kind"] = !item.leaf.has_value()                       ? "header"
                 : item.leaf->purpose == Purpose::kWrappedDek ? "wrapped_dek"
                                                              : "ciphertext";
  json["format"] = 1;
  json["suite"] = 1;
  json["key_id"] = header.key_id.ToString();
  json["key_version"] = header.key_version;
  json["batch_id"] = header.batch_id.ToString();
  json["sealed_size"] = header.sealed.size();
  json["iv"] = ToHex(IvOf(header));
  json["leaf"] = nullptr;
  if (!item.leaf.has_value()) return json;
  const Leaf& leaf = *item.leaf;
  json["leaf"] = {{"purpose", static_cast<int>(leaf.purpose)},
                  {"salt", ToHex(leaf.salt)},
                  {"index", leaf.index},
                  {"secret_size", SecretSize(leaf)},
                  {"size", item.leaf_bytes.size()},
                  {"hex", ToHex(item.leaf_bytes)}};
  return json;
}

// HeaderDifference says what of two headers differs; empty if nothing does.
std::string HeaderDifference(const Header& a, const Header& b) {
  if (a == b) return "";
  if (a.key_id != b.key_id) return "another key";
  if (a.batch_id != b.batch_id) return "another batch";
  if (a.key_version != b.key_version) {
    return "version " + std::to_string(a.key_version) + " -> " +
           std::to_string(b.key_version);
  }
  return "the same version, sealed again";
}

std::string LeafComparison(const Item& a, const Item& b) {
  if (!a.leaf.has_value() && !b.leaf.has_value()) return "absent in both";
  if (!a.leaf.has_value() || !b.leaf.has_value()) return "absent in one";
  return a.leaf_bytes == b.leaf_bytes ? "identical" : "differs";
}

std::string ShowComparison(const Item& a, const Item& b) {
  std::string difference = HeaderDifference(a.header, b.header);
  std::string header =
      difference.empty() ? "identical" : "differs (" + difference + ")";
  return Printable(a.file) + " -> " + Printable(b.file) +
         "\n  header: " + header + "   leaf: " + LeafComparison(a, b) + "\n";
}

Json CompareToJson(const Item& a, const Item& b) {
  std::string difference = HeaderDifference(a.header, b.header);
  Json json;
  json["from"] = a.file;
  json["to"] = b.file;
  json["header"] = difference.empty() ? "identical" : "differs";
  json["header_difference"] = difference;
  json["leaf"] = LeafComparison(a, b);
  return json;
}

Status PrintItems(Session& session, const std::vector<Item>& items) {
  if (session.json()) {
    Json json = {{"items", Json::array()}, {"comparisons", Json::array()}};
    for (size_t i = 0; i < items.size(); ++i) {
      json["items"].push_back(ToJson(items[i]));
      if (i == 0) continue;
      json["comparisons"].push_back(CompareToJson(items[i - 1], items[i]));
    }
    return session.PrintJson(json);
  }
  std::string text;
  for (const Item& item : items) text += ShowItem(item);
  for (size_t i = 1; i < items.size(); ++i) {
    text += ShowComparison(items[i - 1], items[i]);
  }
  return session.Print(text);
}

}  // namespace

Runner DeclareInspect(CLI::App& command) {
  auto args = std::make_shared<InspectArgs>();
  command
      .add_option("FILE", args->files,
                  "Wrapped DEKs, ciphertexts or headers; - for standard input")
      ->required();
  command.add_flag("--base64", args->base64, "The files are base64 text");
  command.footer(
      "Reads the files alone: nothing is opened, nothing is proved. Several\n"
      "files are also compared, each with the one before it.");
  return [args](Session& session) -> Status {
    std::vector<Item> items;
    for (const std::string& file : args->files) {
      SR_ASSIGN_OR_RETURN(Bytes bytes,
                          ReadToken(session.environment(), file, args->base64));
      SR_ASSIGN_OR_RETURN(Item item, ParseItem(file, bytes));
      items.push_back(std::move(item));
    }
    return PrintItems(session, items);
  };
}

}  // namespace strongroom::cli
