// The table of commands: one row each.
#pragma once

#include <functional>
#include <span>

#include "cli/session.h"
#include "strongroom/base/status.h"

namespace CLI {
class App;
}

namespace strongroom::cli {

// A Runner does the command, after all of the command line was parsed.
using Runner = std::function<Status(Session&)>;

struct CommandRow {
  const char* group;  // "key", or "" for commands of one word
  const char* name;
  const char* help;     // one line
  const char* example;  // what to type
  // Adds the command's options; its runner reads them.
  Runner (*declare)(CLI::App& command);
};

std::span<const CommandRow> AllCommands();
// GroupHelp is the line about "key" or "hsm".
const char* GroupHelp(std::string_view group);

Runner DeclareKeyCreate(CLI::App& command);
Runner DeclareKeyList(CLI::App& command);
Runner DeclareKeyShow(CLI::App& command);
Runner DeclareKeyUpdate(CLI::App& command);
Runner DeclareKeyRotate(CLI::App& command);
Runner DeclareKeyEnable(CLI::App& command);
Runner DeclareKeyDisable(CLI::App& command);
Runner DeclareKeyDestroy(CLI::App& command);
Runner DeclareKeyCancelDestroy(CLI::App& command);
Runner DeclareEncrypt(CLI::App& command);
Runner DeclareDecrypt(CLI::App& command);
Runner DeclareWrap(CLI::App& command);
Runner DeclareUnwrap(CLI::App& command);
Runner DeclareDataKey(CLI::App& command);
Runner DeclareRewrap(CLI::App& command);
Runner DeclareInspect(CLI::App& command);
Runner DeclareFileEncrypt(CLI::App& command);
Runner DeclareFileDecrypt(CLI::App& command);
Runner DeclareFileRewrap(CLI::App& command);
Runner DeclareFileInspect(CLI::App& command);
Runner DeclareFileCat(CLI::App& command);
Runner DeclareDekList(CLI::App& command);
Runner DeclareDekShow(CLI::App& command);
Runner DeclareDekDelete(CLI::App& command);
Runner DeclareDekShred(CLI::App& command);
Runner DeclareJobStart(CLI::App& command);
Runner DeclareJobList(CLI::App& command);
Runner DeclareJobShow(CLI::App& command);
Runner DeclareJobWatch(CLI::App& command);
Runner DeclareJobReport(CLI::App& command);
Runner DeclareJobVerify(CLI::App& command);
Runner DeclareJobPause(CLI::App& command);
Runner DeclareJobResume(CLI::App& command);
Runner DeclareJobCancel(CLI::App& command);
Runner DeclareKeyCensus(CLI::App& command);
Runner DeclareKeyUsage(CLI::App& command);
Runner DeclareHsmObjects(CLI::App& command);
Runner DeclareHsmPublicKey(CLI::App& command);
Runner DeclareStatus(CLI::App& command);
Runner DeclareWhoAmI(CLI::App& command);
Runner DeclareVersion(CLI::App& command);

}  // namespace strongroom::cli
