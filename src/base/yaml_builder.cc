// YamlNode::Parse: yaml-cpp's events become a tree, or the first refusal.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include "base/text.h"
#include "strongroom/base/bytes.h"
#include "strongroom/base/strict_yaml.h"

namespace strongroom {
namespace {

constexpr size_t kMaxText = 1 << 20;
constexpr size_t kMaxDepth = 32;
// Every node keeps its path, for messages; these two bound what that costs.
constexpr size_t kMaxNodes = 100000;
constexpr size_t kMaxPath = 512;

std::string Where(std::string_view origin, size_t line) {
  return std::string(origin) + ":" + std::to_string(line);
}

Status Refuse(std::string_view where, std::string_view message) {
  std::string text(where);
  text += ": ";
  text += message;
  return Error(Reason::kConfigInvalid, text);
}

// yaml-cpp takes some bytes for the end of its input (0x04 is its own end
// mark), guesses encodings, and skips what looks like a directive, wherever it
// stands: all of that is kept from it.
Status CheckText(std::string_view text, std::string_view origin) {
  if (text.size() > kMaxText) {
    return Refuse(origin, "has " + std::to_string(text.size()) +
                              " bytes; want at most " +
                              std::to_string(kMaxText));
  }
  size_t line = 1;
  for (size_t i = 0; i < text.size();) {
    std::string_view rest = text.substr(i);
    size_t size = Utf8CharSize(rest);
    if (size == 0) {
      return Refuse(Where(origin, line), "not UTF-8; save the file as UTF-8");
    }
    if (rest.substr(0, 3) == "\xEF\xBB\xBF") {
      return Refuse(Where(origin, line),
                    "a byte order mark; save the file without one");
    }
    if (rest[0] == '%' && (i == 0 || text[i - 1] == '\n')) {
      return Refuse(Where(origin, line),
                    "a directive (% at the start of a line); remove it");
    }
    bool blank = rest[0] == '\n' || rest[0] == '\r' || rest[0] == '\t';
    if (IsControlAt(rest) && !blank) {
      return Refuse(Where(origin, line), "a control character (" +
                                             Quote(rest.substr(0, size)) +
                                             "); remove it");
    }
    if (rest[0] == '\n') ++line;
    i += size;
  }
  return OkStatus();
}

// At the end of its input yaml-cpp takes a quote that was never closed for
// closed, so a file cut short would pass. Before a document's end mark it does
// not, so every text gets one.
std::string WithEndMark(std::string_view text) {
  std::string marked(text);
  if (!marked.empty() && marked.back() != '\n') marked += '\n';
  return marked + "...\n";
}

}  // namespace

// YamlBuilder hears the events of one document. After the first fault it
// remembers that one and ignores all the rest: the parser cannot be stopped.
class YamlBuilder final : public YAML::EventHandler {
 public:
  YamlBuilder(std::string_view text, std::string_view origin)
      : text_(text), origin_(origin) {}

  StatusOr<YamlNode> Finish() && {
    if (!fault_.ok()) return std::move(fault_);
    return std::move(root_);
  }
  bool failed() const { return !fault_.ok(); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (started_) {
      Fail(mark, "a second document; want one document in a file");
    }
    started_ = true;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!Begin(mark, "?", anchor)) return;
    Add(MakeNode(mark, YamlNode::Kind::kNull));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, "an alias (*name); write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& value) override {
    if (!Begin(mark, tag, anchor)) return;
    if (AwaitsKey()) return SetKey(mark, value);
    YamlNode node = MakeNode(mark, YamlNode::Kind::kScalar);
    node.scalar_ = value;
    Add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  // A map or list that is not complete yet.
  struct Frame {
    YamlNode node;
    std::optional<std::string> key;  // of the member that comes next
  };

  void Fail(const YAML::Mark& mark, std::string_view message) {
    if (failed()) return;
    fault_ = Refuse(WhereIs(mark), message);
  }

  std::string WhereIs(const YAML::Mark& mark) const {
    return Where(origin_, static_cast<size_t>(std::max(mark.line, 0)) + 1);
  }

  bool AwaitsKey() const {
    return !stack_.empty() && stack_.back().node.IsMap() &&
           !stack_.back().key.has_value();
  }

  // The parser gives "?" or "!" to what has no tag, but "!" also to a lone
  // "!" in the text; that one stands where the node's mark points.
  bool HasTag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!") return true;
    auto at = static_cast<size_t>(std::max(mark.pos, 0));
    return at < text_.size() && text_[at] == '!';
  }

  bool Begin(const YAML::Mark& mark, const std::string& tag,
             YAML::anchor_t anchor) {
    if (anchor != 0) Fail(mark, "an anchor (&name); write the value out");
    if (HasTag(mark, tag)) Fail(mark, "a tag (!name); remove it");
    if (++nodes_ > kMaxNodes) {
      Fail(mark, "more than " + std::to_string(kMaxNodes) + " values");
    }
    return !failed();
  }

  void Open(const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor, YamlNode::Kind kind) {
    if (!Begin(mark, tag, anchor)) return;
    if (AwaitsKey()) {
      return Fail(mark, "a key that is a list or a map; want text");
    }
    if (stack_.size() == kMaxDepth) {
      return Fail(mark, "nested deeper than " + std::to_string(kMaxDepth));
    }
    YamlNode node = MakeNode(mark, kind);
    stack_.push_back({std::move(node), std::nullopt});
  }

  void Close() {
    if (failed()) return;
    YamlNode node = std::move(stack_.back().node);
    stack_.pop_back();
    Place(std::move(node));
  }

  void SetKey(const YAML::Mark& mark, const std::string& key) {
    Frame& frame = stack_.back();
    if (auto it = frame.node.fields_.find(key);
        it != frame.node.fields_.end()) {
      return Fail(mark, "the key " + Quote(key) + " occurs twice (first at " +
                            it->second.where_ + ")");
    }
    std::string path = frame.node.path_;
    if (path.size() + key.size() + 1 > kMaxPath) {
      return Fail(mark, "the key " + Quote(key) + " and those above it have " +
                            "more than " + std::to_string(kMaxPath) + " bytes");
    }
    frame.key = key;
    key_where_ = WhereIs(mark);
  }

  YamlNode MakeNode(const YAML::Mark& mark, YamlNode::Kind kind) {
    YamlNode node;
    node.kind_ = kind;
    node.where_ = WhereIs(mark);
    if (stack_.empty()) return node;
    const Frame& parent = stack_.back();
    node.path_ = parent.node.path_;
    if (parent.node.IsList()) {
      node.path_ += "[" + std::to_string(parent.node.items_.size()) + "]";
      return node;
    }
    if (!parent.key.has_value()) return node;
    if (!node.path_.empty()) node.path_ += '.';
    node.path_ += Escape(*parent.key);
    // A member is where its key is: its value may begin lines later.
    node.where_ = key_where_;
    return node;
  }

  void Add(YamlNode node) {
    if (AwaitsKey()) {
      fault_ = Refuse(node.where_, "a key that is null; want text");
      return;
    }
    Place(std::move(node));
  }

  void Place(YamlNode node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& parent = stack_.back();
    if (parent.node.IsList()) {
      parent.node.items_.push_back(std::move(node));
      return;
    }
    parent.node.fields_.emplace(*parent.key, std::move(node));
    parent.key.reset();
  }

  std::string_view text_;
  std::string_view origin_;
  Status fault_;
  YamlNode root_;
  std::vector<Frame> stack_;
  std::string key_where_;
  size_t nodes_ = 0;
  bool started_ = false;
};

StatusOr<YamlNode> YamlNode::Parse(std::string_view text,
                                   std::string_view origin) {
  SR_RETURN_IF_ERROR(CheckText(text, origin));
  YamlBuilder builder(text, origin);
  try {
    std::istringstream stream(WithEndMark(text));
    YAML::Parser parser(stream);
    while (!builder.failed() && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& e) {
    // A fault we found first explains more than what it led the parser to.
    if (builder.failed()) return std::move(builder).Finish();
    size_t line = static_cast<size_t>(std::max(e.mark.line, 0)) + 1;
    return Refuse(Where(origin, line), "not YAML: " + Escape(e.msg));
  } catch (const std::exception& e) {
    return Refuse(origin, "not YAML: " + Escape(e.what()));
  }
  return std::move(builder).Finish();
}

}  // namespace strongroom
