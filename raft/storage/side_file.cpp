#include "raft/storage/side_file.hpp"

#include "base/bytes.hpp"
#include "base/crc32c.hpp"

namespace raft {
namespace {

constexpr std::uint32_t magic = 0x31534c52;  // "RLS1"
constexpr std::size_t content_bytes = 56;

}  // namespace

std::filesystem::path SideFile::path_in(const std::filesystem::path& directory) {
  return directory / "raft.last";
}

SideFile::SideFile(sqlite::FileSystem& files, const std::filesystem::path& directory,
                   const Identity& identity)
    : identity_(identity), file_(files.open(path_in(directory), sqlite::FileMode::create)) {}

std::optional<SideFile::Content> SideFile::read() const {
  const base::Bytes bytes = file_->read_at(0, content_bytes);
  base::ByteReader reader(bytes);
  const std::uint32_t format = reader.u32();
  const std::uint64_t cluster_id = reader.u64();
  const std::uint64_t incarnation = reader.u64();
  Content content;
  content.last.index = Index(reader.u64());
  content.last.term = Term(reader.u64());
  content.term = Term(reader.u64());
  content.vote = NodeId(reader.u64());
  const std::uint32_t crc = reader.u32();
  if (!reader.at_end() || format != magic || cluster_id != identity_.cluster_id ||
      incarnation != identity_.incarnation ||
      crc != base::crc32c(base::BytesView(bytes).substr(0, content_bytes - 4)))
    return std::nullopt;
  return content;
}

void SideFile::write(const Content& content) {
  base::Bytes bytes;
  base::ByteWriter writer(bytes);
  writer.u32(magic);
  writer.u64(identity_.cluster_id);
  writer.u64(identity_.incarnation);
  writer.u64(content.last.index.value());
  writer.u64(content.last.term.value());
  writer.u64(content.term.value());
  writer.u64(content.vote.value());
  writer.u32(base::crc32c(bytes));
  file_->write_at(0, bytes);
}

}  // namespace raft
