// strongroomd: see strongroomd.h.
#include "server/strongroomd.h"

int main(int argc, char** argv) {
  return strongroom::server::StrongroomdMain(argc, argv);
}
