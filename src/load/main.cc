// strongroom-bench: see bench.h.
#include "load/bench.h"

int main(int argc, char** argv) {
  return strongroom::load::StrongroomBench({argv + 1, argv + argc});
}
