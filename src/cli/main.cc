// strongroom: see strongroom.h.
#include "cli/strongroom.h"

int main(int argc, char** argv) {
  return strongroom::cli::StrongroomMain(argc, argv);
}
