// The program strongroomd, as a function, so that a test's main can be the same
// program with something of its own before it.
#pragma once

namespace strongroom::server {

// StrongroomdMain runs `dev`, `serve`, `check` or `--version`. Exit codes:
// 0 it did what was asked (for a service: it was told to stop, and drained);
// 1 it could not start, found a fault in the configuration, or did not drain
// in time; 2 the command line is wrong.
int StrongroomdMain(int argc, char** argv);

}  // namespace strongroom::server
