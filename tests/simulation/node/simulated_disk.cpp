#include "simulated_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace simulation {
namespace {

constexpr std::size_t sector_bytes = 512;

std::size_t sectors_of(std::size_t bytes) { return (bytes + sector_bytes - 1) / sector_bytes; }

}  // namespace

// ---- admission ----

int SimulatedDisk::admit(bool changes, const std::string& file) {
  if (off_) return EIO;
  ++calls_;
  const bool counts = failing_file_.empty() || failing_file_ == file;
  if (counts && failing_call_ > 0 && --failing_call_ == 0) {
    ++errors_;
    return EIO;
  }
  cutting_ = changes && power_calls_ > 0 && --power_calls_ == 0;
  return 0;
}

// Whether the call that was just admitted is the last one.
bool SimulatedDisk::cut_now() {
  if (cutting_) off_ = true;
  return std::exchange(cutting_, false);
}

// ---- files ----

int SimulatedDisk::open(const std::string& name, bool create, bool exclusive, Handle& handle) {
  if (const int error = admit(false, name)) return error;
  const auto it = entries_.find(name);
  if (it != entries_.end()) {
    if (exclusive) return EEXIST;
    handle = it->second;
    return 0;
  }
  if (!create) return ENOENT;
  handle = std::make_shared<Inode>();
  handle->name = name;
  entries_[name] = handle;
  directory_changes_.push_back({DirectoryChange::Kind::link, name, {}, handle});
  return 0;
}

int SimulatedDisk::read(const Inode& inode, std::uint64_t offset, std::size_t size,
                        std::string& bytes) {
  if (const int error = admit(false, inode.name)) return error;
  bytes.clear();
  if (offset < inode.cached.size()) bytes = inode.cached.substr(offset, size);
  return 0;
}

int SimulatedDisk::write(Inode& inode, std::uint64_t offset, const char* bytes, std::size_t size) {
  const int error = admit(true, inode.name);
  if (error != 0 && off_) return error;
  const bool cut = error == 0 && cut_now();
  std::size_t done = size;
  // A write that fails or is cut off may have happened in part.
  if (error != 0 || cut) done = random_.chance(50) ? random_.below(size + 1) : 0;
  const bool grows = offset + size > inode.cached.size();
  if (full_ && grows) {
    done = std::min<std::size_t>(done, random_.chance(50) ? random_.below(size + 1) : 0);
    ++errors_;
  }
  if (done > 0) {
    const std::size_t first = offset / sector_bytes;
    const std::size_t end = sectors_of(offset + done);
    for (std::size_t sector = first; sector < end; ++sector)
      if (sector < inode.dirty.size() && inode.dirty[sector] && random_.below(8) == 0)
        write_back(inode, sector);  // the system writes when it likes
    if (offset + done > inode.cached.size()) inode.cached.resize(offset + done);
    std::memcpy(inode.cached.data() + offset, bytes, done);
    for (std::size_t sector = first; sector < end; ++sector) mark_dirty(inode, sector);
  }
  if (error != 0 || cut) return EIO;
  return full_ && grows ? ENOSPC : 0;
}

int SimulatedDisk::truncate(Inode& inode, std::uint64_t size) {
  if (const int error = admit(true, inode.name)) return error;
  const bool cut = cut_now();
  inode.cached.resize(size);
  return cut ? EIO : 0;
}

int SimulatedDisk::sync(Inode& inode) {
  if (const int error = admit(true, inode.name)) return error;
  if (cut_now()) return EIO;  // lose_power() draws what was written
  if (lies_about(inode)) return 0;
  const bool fails = failing_sync_ > 0 && --failing_sync_ == 0;
  for (const std::size_t sector : inode.dirty_list) {
    if (!fails || random_.chance(50)) write_back(inode, sector);
    inode.dirty[sector] = false;
  }
  inode.dirty_list.clear();
  if (fails) {
    ++errors_;
    return EIO;
  }
  inode.durable.resize(inode.cached.size());
  return 0;
}

int SimulatedDisk::exists(const std::string& name, bool& found) {
  if (const int error = admit(false, name)) return error;
  found = entries_.contains(name);
  return 0;
}

int SimulatedDisk::size(const Inode& inode, std::uint64_t& bytes) {
  if (const int error = admit(false, inode.name)) return error;
  bytes = inode.cached.size();
  return 0;
}

void SimulatedDisk::mark_dirty(Inode& inode, std::size_t sector) {
  if (inode.dirty.size() <= sector) inode.dirty.resize(sector + 1);
  if (inode.dirty[sector]) return;
  inode.dirty[sector] = true;
  inode.dirty_list.push_back(sector);
}

void SimulatedDisk::write_back(Inode& inode, std::size_t sector) {
  const std::size_t from = sector * sector_bytes;
  if (from >= inode.cached.size()) return;
  const std::size_t size = std::min(sector_bytes, inode.cached.size() - from);
  if (inode.durable.size() < from + size) inode.durable.resize(from + size);
  std::memcpy(inode.durable.data() + from, inode.cached.data() + from, size);
}

void SimulatedDisk::lie_about(std::vector<std::string> names) {
  for (const std::string& name : lying_) write_back(name);
  lying_ = std::move(names);
}

void SimulatedDisk::write_back(const std::string& name) {
  const auto it = entries_.find(name);
  if (it == entries_.end()) return;
  Inode& inode = *it->second;
  durable_entries_[name] = it->second;
  for (const std::size_t sector : inode.dirty_list) {
    write_back(inode, sector);
    inode.dirty[sector] = false;
  }
  inode.dirty_list.clear();
}

bool SimulatedDisk::lies_about(const Inode& inode) const {
  return std::ranges::any_of(lying_, [&](const std::string& name) {
    const auto it = entries_.find(name);
    return it != entries_.end() && it->second.get() == &inode;
  });
}

// ---- the directory ----

int SimulatedDisk::remove(const std::string& name) {
  if (const int error = admit(true, name)) return error;
  const bool cut = cut_now();
  if (entries_.erase(name) == 0) return ENOENT;
  directory_changes_.push_back({DirectoryChange::Kind::remove, name, {}, nullptr});
  return cut ? EIO : 0;
}

int SimulatedDisk::rename(const std::string& from, const std::string& to) {
  if (const int error = admit(true, from)) return error;
  const bool cut = cut_now();
  const auto it = entries_.find(from);
  if (it == entries_.end()) return ENOENT;
  const Handle inode = it->second;
  entries_.erase(it);
  inode->name = to;
  entries_[to] = inode;
  directory_changes_.push_back({DirectoryChange::Kind::rename, from, to, inode});
  return cut ? EIO : 0;
}

int SimulatedDisk::sync_directory() {
  if (const int error = admit(true)) return error;
  if (cut_now()) return EIO;
  if (failing_sync_ > 0 && --failing_sync_ == 0) {
    ++errors_;
    return EIO;  // a journal keeps the changes for the next sync
  }
  durable_entries_ = entries_;
  directory_changes_.clear();
  return 0;
}

int SimulatedDisk::free_bytes(std::uint64_t& bytes) {
  if (const int error = admit(false)) return error;
  bytes = full_ ? 0 : size_bytes;
  return 0;
}

// ---- the end ----

void SimulatedDisk::restart_process() {
  off_ = false;
  power_calls_ = failing_call_ = failing_sync_ = 0;
  for (auto& [name, inode] : entries_) inode->locks.clear();
}

void SimulatedDisk::lose_power() {
  // How much the cache had written back by itself.
  constexpr unsigned kept[] = {0, 0, 100, 10, 50, 50, 90};
  const unsigned kept_percent = kept[random_.below(std::size(kept))];
  const unsigned kept_directory = kept[random_.below(std::size(kept))];
  for (const DirectoryChange& change : directory_changes_) {
    if (!random_.chance(kept_directory)) continue;
    if (change.kind != DirectoryChange::Kind::link) durable_entries_.erase(change.name);
    if (change.kind == DirectoryChange::Kind::link) durable_entries_[change.name] = change.inode;
    if (change.kind == DirectoryChange::Kind::rename) durable_entries_[change.to] = change.inode;
  }
  directory_changes_.clear();
  for (auto& [name, inode] : durable_entries_) {
    inode->name = name;
    resolve(*inode, kept_percent);
  }
  entries_ = durable_entries_;
  restart_process();
}

void SimulatedDisk::resolve(Inode& inode, unsigned kept_percent) {
  const std::size_t before = inode.durable.size(), after = inode.cached.size();
  std::string result = inode.durable;
  std::size_t size = random_.chance(kept_percent) ? after : before;
  if (before < after && random_.chance(30))
    size = before + sector_bytes * random_.below(sectors_of(after - before) + 1);
  result.resize(std::max(before, after));
  std::sort(inode.dirty_list.begin(), inode.dirty_list.end());
  for (const std::size_t sector : inode.dirty_list) {
    const std::size_t from = sector * sector_bytes;
    if (!random_.chance(kept_percent) || from >= after) continue;
    std::size_t bytes = std::min(sector_bytes, after - from);
    if (kept_percent < 100 && random_.chance(10)) bytes = random_.below(bytes + 1);  // torn
    std::memcpy(result.data() + from, inode.cached.data() + from, bytes);
  }
  result.resize(std::min(size, std::max(before, after)));
  inode.cached = inode.durable = std::move(result);
  inode.dirty.clear();
  inode.dirty_list.clear();
}

void SimulatedDisk::wipe() {
  entries_.clear();
  durable_entries_.clear();
  directory_changes_.clear();
  lying_.clear();
  full_ = false;
  restart_process();
}

// ---- faults ----

bool SimulatedDisk::flip_bit(const std::string& name, base::Random& random) {
  const auto it = entries_.find(name);
  if (it == entries_.end()) return false;
  Inode& inode = *it->second;
  const std::size_t size = std::min(inode.cached.size(), inode.durable.size());
  if (size == 0) return false;
  const std::size_t at = random.below(size);
  const std::size_t sector = at / sector_bytes;
  if (sector < inode.dirty.size() && inode.dirty[sector]) return false;
  const char bit = static_cast<char>(1 << random.below(8));
  inode.durable[at] = static_cast<char>(inode.durable[at] ^ bit);
  inode.cached[at] = static_cast<char>(inode.cached[at] ^ bit);
  return true;
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::durable_image() const {
  auto image = std::make_unique<SimulatedDisk>(0);
  for (const auto& [name, inode] : durable_entries_) {
    const Handle copy = std::make_shared<Inode>();
    copy->name = name;
    copy->cached = copy->durable = inode->durable;
    image->entries_[name] = image->durable_entries_[name] = copy;
  }
  return image;
}

}  // namespace simulation
