// Prints how fast entries become durable here; asserts nothing about it.
#include <chrono>

#include "helpers.hpp"

using namespace raft_storage_test;

TEST_CASE("entries per second for batches of 1, 64 and 512 (printed)") {
  TemporaryDirectory directory;
  make(directory.path());
  Opened opened = open(directory.path());
  std::uint64_t index = 0;
  for (const std::uint64_t size : {1u, 64u, 512u}) {
    const auto start = std::chrono::steady_clock::now();
    const std::uint64_t batches = size == 1 ? 200 : 60;
    for (std::uint64_t i = 0; i < batches; ++i) {
      PersistBatch batch = hard_state(1, 1, index);
      for (std::uint64_t k = 0; k < size; ++k)
        batch.entries.push_back(entry(++index, 1, std::string(200, 'x')));
      opened.store->persist(batch);
    }
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    MESSAGE("batches of " << size << ": "
                          << static_cast<double>(batches * size) / time.count() << " entries/s, "
                          << time.count() * 1e3 / static_cast<double>(batches) << " ms a batch");
  }
  CHECK(index == 200 + 60 * 64 + 60 * 512);
}
