// Must fail: shows that the fuzzers as they are built, coverage and sanitizers included, find a bug
// behind a few comparisons within seconds. tests/run_all.py runs it and wants a finding.
#include <cstdint>
#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4 || std::memcmp(data, "ipam", 4) != 0) return 0;
  const auto* copy = new char[size];
  delete[] copy;
  return copy[size - 1] == 'x' ? 1 : 0;  // read after it was freed
}
