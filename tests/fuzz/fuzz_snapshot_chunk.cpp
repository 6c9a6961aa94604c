// The receiver of a snapshot under any sequence of chunks and of results of its file work. The
// input is a program: a byte says what happens next, those after it the details. Whatever happens,
// the file is written without gap or overlap, and a snapshot is complete only with all its bytes.
#include <cstdint>
#include <map>
#include <string>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "raft/node/snapshot_transfer.hpp"

namespace {

class Host {
 public:
  explicit Host(base::BytesView program) : program_(program) {}

  void run() {
    while (program_.ok() && program_.remaining() > 0) step(program_.u8());
  }

 private:
  void step(std::uint8_t what) {
    switch (what % 4) {
      case 0: chunk(); break;
      case 1: receiver_.on_begun(program_.u8() % 8 != 0); break;
      case 2: receiver_.on_written(program_.u8() % 8 != 0); break;
      default:
        if (program_.u8() % 16 == 0) receiver_.reset();
        break;
    }
    take_work();
    for (const raft::Message& message : receiver_.take_messages()) {
      const auto& answer = std::get<raft::SnapshotChunkResponse>(message.body);
      ASSERT(answer.rejected || answer.next_offset <= total_of_[answer.last.index.value()]);
    }
    for (std::uint64_t index = 1; index <= 3; ++index)
      if (receiver_.complete({raft::Index(index), raft::Term(1)}))
        ASSERT(written_ == total_bytes_ && file_.size() == total_bytes_);
  }

  void chunk() {
    raft::SnapshotChunk chunk;
    chunk.meta.last = {raft::Index(1 + program_.u8() % 3), raft::Term(1)};
    chunk.total_bytes = 1 + program_.u8() % 64;
    chunk.offset = program_.u8() % (chunk.total_bytes + 4);
    chunk.data = base::share(std::string(program_.u8() % 24, 'x'));
    chunk.crc = base::crc32c(*chunk.data) + (program_.u8() % 16 == 0 ? 1 : 0);
    auto& total = total_of_[chunk.meta.last.index.value()];
    total = std::max(total, chunk.total_bytes);
    receiver_.on_chunk(raft::NodeId(1 + program_.u8() % 2), chunk, program_.u8() % 8 != 0);
  }

  void take_work() {
    for (raft::SnapshotWork& work : receiver_.take_work()) {
      if (const auto* begin = std::get_if<raft::BeginReceive>(&work)) {
        total_bytes_ = begin->total_bytes;
        written_ = 0;
        file_.clear();
      } else if (const auto* write = std::get_if<raft::WriteChunk>(&work)) {
        ASSERT(write->offset == file_.size());
        ASSERT(write->offset + write->data->size() <= total_bytes_);
        file_ += *write->data;
        written_ = file_.size();
      }
    }
  }

  base::ByteReader program_;
  raft::SnapshotReceiver receiver_{raft::NodeId(9)};
  std::map<std::uint64_t, std::uint64_t> total_of_;
  std::string file_;
  std::uint64_t total_bytes_ = 0, written_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Host(base::BytesView(reinterpret_cast<const char*>(data), size)).run();
  return 0;
}
