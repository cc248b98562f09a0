// What every micro-benchmark does: it proves its answers before anything is timed. `--tiny` stops there, as it does in
// scenarios, so that the tests run each of them.
#pragma once

#include <benchmark/benchmark.h>

#include <string_view>

namespace tocsin::bench {

// What has been registered, by main() with its arguments. `prove` ends the program where an answer is wrong.
template <class Prove>
int run_micro(int argc, char** argv, const Prove& prove) {
  prove();
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) == "--tiny") return 0;
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace tocsin::bench
