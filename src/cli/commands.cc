#include "cli/commands.h"

#include <string_view>

namespace strongroom::cli {
namespace {

constexpr CommandRow kCommands[] = {
    {"key", "create", "Make a key: version 1, enabled and primary",
     "strongroom key create payments/cards --label env=prod "
     "--rotation-period 90d",
     DeclareKeyCreate},
    {"key", "list", "List the keys you may see",
     "strongroom key list payments/", DeclareKeyList},
    {"key", "show", "Show a key and its versions",
     "strongroom key show payments/cards", DeclareKeyShow},
    {"key", "update", "Change labels, rotation or batches of a key",
     "strongroom key update payments/cards --rotation-period 30d",
     DeclareKeyUpdate},
    {"key", "rotate", "Make a new version and make it primary",
     "strongroom key rotate payments/cards", DeclareKeyRotate},
    {"key", "enable", "Let a disabled version open again",
     "strongroom key enable payments/cards 1", DeclareKeyEnable},
    {"key", "disable", "Stop a version from opening anything",
     "strongroom key disable payments/cards 1", DeclareKeyDisable},
    {"key", "destroy", "Destroy a version's KEK after the waiting period",
     "strongroom key destroy payments/cards 1", DeclareKeyDestroy},
    {"key", "cancel-destroy", "Take back a destruction that has not happened",
     "strongroom key cancel-destroy payments/cards 1", DeclareKeyCancelDestroy},
    {"key", "census", "Say what depends on each version",
     "strongroom key census payments/cards", DeclareKeyCensus},
    {"key", "usage", "Say how each version is used",
     "strongroom key usage payments/cards", DeclareKeyUsage},
    {"", "encrypt", "Encrypt data of at most 64 KiB",
     "strongroom encrypt payments/cards --in card.txt --out card.enc "
     "--context customer=17",
     DeclareEncrypt},
    {"", "decrypt", "Decrypt what encrypt made",
     "strongroom decrypt --in card.enc --context customer=17", DeclareDecrypt},
    {"", "wrap", "Wrap a DEK of your own (16 to 64 bytes)",
     "strongroom wrap payments/cards --in dek.bin --out dek.wrapped",
     DeclareWrap},
    {"", "unwrap", "Unwrap a DEK",
     "strongroom unwrap --in dek.wrapped --out dek.bin", DeclareUnwrap},
    {"", "datakey", "Make a DEK, wrapped and plain",
     "strongroom datakey payments/cards --dek-out dek.bin --wrapped-out "
     "dek.wrapped",
     DeclareDataKey},
    {"", "rewrap", "Move a wrapped DEK or ciphertext to the primary version",
     "strongroom rewrap --in dek.wrapped --out dek.wrapped", DeclareRewrap},
    {"", "inspect", "Show what a wrapped DEK or ciphertext says of itself",
     "strongroom inspect dek.wrapped", DeclareInspect},
    {"file", "encrypt", "Encrypt a file of any size under a DEK of its own",
     "strongroom file encrypt payments/cards dump.db --context object=dump.db",
     DeclareFileEncrypt},
    {"file", "decrypt", "Decrypt what file encrypt made",
     "strongroom file decrypt dump.db.sr --context object=dump.db",
     DeclareFileDecrypt},
    {"file", "rewrap", "Move files to the primary version, in place",
     "strongroom file rewrap --recursive /backups", DeclareFileRewrap},
    {"file", "inspect", "Show what an encrypted file says of itself",
     "strongroom file inspect dump.db.sr", DeclareFileInspect},
    {"file", "cat", "Write a file's plaintext, or a range of it",
     "strongroom file cat dump.db.sr --range 4096:512 --context object=dump.db",
     DeclareFileCat},
    {"dek", "list", "List the registered DEKs of a key",
     "strongroom dek list payments/cards --label env=prod", DeclareDekList},
    {"dek", "show", "Show a registered DEK",
     "strongroom dek show payments/cards "
     "0b8e1c9a-7f0f-4a57-9a0e-6f4f8d5f1c11:0",
     DeclareDekShow},
    {"dek", "delete", "Forget a registered DEK; copies of it still open",
     "strongroom dek delete payments/cards "
     "0b8e1c9a-7f0f-4a57-9a0e-6f4f8d5f1c11:0",
     DeclareDekDelete},
    {"dek", "shred", "Erase a registered DEK and refuse it for ever",
     "strongroom dek shred payments/cards "
     "0b8e1c9a-7f0f-4a57-9a0e-6f4f8d5f1c11:0 --yes",
     DeclareDekShred},
    {"job", "start", "Move a key's registered DEKs to its primary version",
     "strongroom job start payments/cards --watch", DeclareJobStart},
    {"job", "list", "List a key's rewrap jobs",
     "strongroom job list payments/cards", DeclareJobList},
    {"job", "show", "Show a rewrap job and its failures",
     "strongroom job show payments/cards "
     "4e0ffd6d-5d92-4f4c-8a3b-2c3f9a7f6e10",
     DeclareJobShow},
    {"job", "watch", "Follow a rewrap job to its end",
     "strongroom job watch payments/cards "
     "4e0ffd6d-5d92-4f4c-8a3b-2c3f9a7f6e10",
     DeclareJobWatch},
    {"job", "report", "Get the signed report of a job that has ended",
     "strongroom job report payments/cards "
     "4e0ffd6d-5d92-4f4c-8a3b-2c3f9a7f6e10 > report.json",
     DeclareJobReport},
    {"job", "verify", "Check a report with the public key alone",
     "strongroom job verify report.json --public-key strongroom.pem",
     DeclareJobVerify},
    {"job", "pause", "Let a rewrap job rest",
     "strongroom job pause payments/cards "
     "4e0ffd6d-5d92-4f4c-8a3b-2c3f9a7f6e10",
     DeclareJobPause},
    {"job", "resume", "Let a paused rewrap job go on",
     "strongroom job resume payments/cards "
     "4e0ffd6d-5d92-4f4c-8a3b-2c3f9a7f6e10",
     DeclareJobResume},
    {"job", "cancel", "Stop a rewrap job for good; what it moved stays moved",
     "strongroom job cancel payments/cards "
     "4e0ffd6d-5d92-4f4c-8a3b-2c3f9a7f6e10",
     DeclareJobCancel},
    {"hsm", "objects", "List the objects on the token",
     "strongroom hsm objects", DeclareHsmObjects},
    {"hsm", "public-key",
     "Print the public key that verifies reports and backups",
     "strongroom hsm public-key > strongroom.pem", DeclareHsmPublicKey},
    {"", "status", "Show the service's state", "strongroom status",
     DeclareStatus},
    {"", "whoami", "Show who the service takes you for", "strongroom whoami",
     DeclareWhoAmI},
    {"", "version", "Show this program's version", "strongroom version",
     DeclareVersion},
};

}  // namespace

std::span<const CommandRow> AllCommands() { return kCommands; }

const char* GroupHelp(std::string_view group) {
  if (group == "key") return "Keys and their versions";
  if (group == "file") return "Files of any size";
  if (group == "job") return "Rewrap jobs: registered DEKs after a rotation";
  if (group == "dek") return "DEKs that the service keeps";
  return "The token behind it";
}

}  // namespace strongroom::cli
