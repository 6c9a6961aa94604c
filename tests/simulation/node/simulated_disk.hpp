// The disk of one node as a program sees it, and what is left of it after a power cut: files in
// sectors of 512 bytes behind a page cache, one directory, and faults at any call. Calls give an
// errno, 0 where all is well. The FileSystem and the SQLite VFS on top of it are in
// simulated_files.hpp and simulated_vfs.hpp.
//
// What a power cut leaves:
//   - of writes since the last sync of their file any subset of sectors, each whole or torn;
//     the size of a file that has grown or shrunk may be the old one, the new one or in between;
//   - of creations, removals and renames since the last sync of the directory any subset, in
//     order.
// A sync that fails forgets what was to be written: it can still be read, but no later sync writes
// it ("fsyncgate"). A sync that lies does nothing and says that all is well.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"

namespace simulation {

class SimulatedDisk {
 public:
  struct Inode {
    std::string name;
    std::string cached;   // what programs read
    std::string durable;  // what is on the platter
    std::vector<bool> dirty;            // by sector: to be written by the next sync
    std::vector<std::size_t> dirty_list;
    std::map<const void*, int> locks;   // SQLite's lock level by holder
  };
  using Handle = std::shared_ptr<Inode>;

  explicit SimulatedDisk(std::uint64_t seed) : random_(seed) {}

  // ---- calls ----
  int open(const std::string& name, bool create, bool exclusive, Handle& handle);
  int read(const Inode& inode, std::uint64_t offset, std::size_t size, std::string& bytes);
  int write(Inode& inode, std::uint64_t offset, const char* bytes, std::size_t size);
  int truncate(Inode& inode, std::uint64_t size);
  int sync(Inode& inode);
  int exists(const std::string& name, bool& found);
  int size(const Inode& inode, std::uint64_t& bytes);
  int remove(const std::string& name);
  int rename(const std::string& from, const std::string& to);
  int sync_directory();
  static constexpr std::uint64_t size_bytes = 1ull << 40;
  int free_bytes(std::uint64_t& bytes);

  // ---- the end of a process, and of power ----
  // Nothing works from now on. Whoever has files open is then destroyed, and one of the three below
  // is called.
  void switch_off() { off_ = true; }
  bool off() const { return off_; }
  // A process was killed: the page cache stays.
  void restart_process();
  void lose_power();
  // A new disk.
  void wipe();

  // ---- faults ----
  // The n-th call from now on that changes something (1: the next) is the last one that happens,
  // perhaps half; everything after it fails, and off() holds.
  void lose_power_at(std::uint64_t call) { power_calls_ = call; }
  bool power_cut_pending() const { return power_calls_ > 0; }
  void cancel_power_cut() { power_calls_ = 0; }
  // The n-th of all calls from now on, or of those to one file: EIO, once.
  void fail_call(std::uint64_t call, std::string file = "") {
    failing_call_ = call;
    failing_file_ = std::move(file);
  }
  void fail_sync(std::uint64_t call) { failing_sync_ = call; }  // the n-th sync: EIO, once
  void set_full(bool full) { full_ = full; }
  // Syncs of these files lie from now on; others keep their word. What they lied about before is
  // written at last.
  void lie_about(std::vector<std::string> names);
  bool lies() const { return !lying_.empty(); }
  // The system writes this file back on its own, before a power cut.
  void write_back(const std::string& name);
  // Flips a bit that is on the platter and not about to be overwritten. False: there is none.
  bool flip_bit(const std::string& name, base::Random& random);

  // What a power cut would leave at the least: another disk with all that is certainly durable.
  std::unique_ptr<SimulatedDisk> durable_image() const;

  // How many calls failed because of a fault (not for being off).
  std::uint64_t errors() const { return errors_; }
  std::uint64_t calls() const { return calls_; }
  bool has(const std::string& name) const { return entries_.contains(name); }

 private:
  struct DirectoryChange {
    enum class Kind : std::uint8_t { link, remove, rename } kind{};
    std::string name, to;
    Handle inode;
  };

  // An errno where the call must not happen. `changes` counts towards the power cut.
  int admit(bool changes, const std::string& file = "");
  bool cut_now();
  void mark_dirty(Inode& inode, std::size_t sector);
  void write_back(Inode& inode, std::size_t sector);
  void resolve(Inode& inode, unsigned kept_percent);
  bool lies_about(const Inode& inode) const;

  base::Random random_;
  std::map<std::string, Handle> entries_;
  std::map<std::string, Handle> durable_entries_;
  std::vector<DirectoryChange> directory_changes_;  // since the last sync of the directory
  bool off_ = false;
  bool cutting_ = false;  // the admitted call is the last one
  bool full_ = false;
  std::vector<std::string> lying_;
  std::string failing_file_;  // empty: any
  std::uint64_t power_calls_ = 0, failing_call_ = 0, failing_sync_ = 0;  // 0: none
  std::uint64_t errors_ = 0, calls_ = 0;
};

}  // namespace simulation
