// Output of data commands: a file, replaced whole or not at all, or standard
// output.
#pragma once

#include <string>

#include "cli/strongroom.h"
#include "strongroom/base/bytes.h"
#include "strongroom/base/status.h"

namespace strongroom::cli {

struct OutputSpec {
  std::string path = "-";  // "-": standard output
  std::string replaces;    // this file may be replaced: the command's input
  std::string option = "--out";  // for messages
  bool secret = false;  // mode 0600, else what the umask leaves of 0666
  bool base64 = false;
  bool force = false;             // an existing file may be replaced
  bool text_to_terminal = false;  // readable text may go to a terminal
};

// CheckOutput gives the failure of WriteOutput before the service is asked: a
// file that exists or a directory that cannot be written (FILE_UNREADABLE),
// bytes for a terminal (a usage error).
Status CheckOutput(const Environment& environment, const OutputSpec& spec);

// WriteOutput writes all or fails; a file is complete or as it was. A pipe or
// device is written as it is.
Status WriteOutput(const Environment& environment, const OutputSpec& spec,
                   ByteView bytes);

// WriteStandardOutput fails FILE_UNREADABLE if the reader has gone away.
Status WriteStandardOutput(const Environment& environment, ByteView bytes);

}  // namespace strongroom::cli
