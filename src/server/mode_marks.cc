#include "server/mode_marks.h"

#include "server/server.h"

namespace strongroom::server {
namespace {

constexpr char kSetting[] = "mode";

bool IsDevLabel(std::string_view label) {
  std::string_view mark = kDevTokenLabel;
  return label.substr(0, mark.size()) == mark;
}

}  // namespace

Status CheckTokenLabel(Mode mode, std::string_view label) {
  if (label.empty() || IsDevLabel(label) == (mode == Mode::kDev)) {
    return OkStatus();
  }
  std::string text = "token \"" + std::string(label) + "\" ";
  if (mode == Mode::kServe) {
    return Error(Reason::kDevelopmentOnly,
                 text +
                     "was made by `strongroomd dev`, for development only; "
                     "want a token of your own for `serve`");
  }
  return Error(Reason::kDevelopmentOnly,
               text +
                   "was not made by `strongroomd dev`; want the one it "
                   "made: choose another --dir");
}

Status MarkStore(Mode mode, const std::string& path, store::Store* store) {
  const std::string want(ModeName(mode));
  return store->Update([&](store::Transaction& transaction) -> Status {
    SR_ASSIGN_OR_RETURN(std::optional<std::string> found,
                        transaction.GetSetting(kSetting));
    if (!found.has_value()) return transaction.PutSetting(kSetting, want);
    if (*found == want) return OkStatus();
    return Error(Reason::kDevelopmentOnly,
                 "store " + path + " was made by `strongroomd " + *found +
                     "`; want one made by `strongroomd " + want +
                     "`: the two do not share keys");
  });
}

}  // namespace strongroom::server
