#include "server/backup_facts.hpp"

#include "api/render.hpp"
#include "base/sha256.hpp"
#include "sqlite/posix_file_system.hpp"

namespace server {

cli::BackupFacts facts_of(const state::CheckedBackup& backup) {
  const ipam::StateMachine& state = backup.loaded.state_machine;
  cli::BackupFacts facts;
  facts.revision = backup.loaded.position.index;
  facts.digest = api::digest_text(state.counters().digest);
  facts.bytes = backup.bytes;
  state.for_each_vrf([&facts](const ipam::Vrf&) { ++facts.vrfs; });
  facts.networks = state.network_count();
  facts.allocations = state.allocation_count();
  facts.audit_entries = backup.verification.entries;
  facts.audit_hash = base::to_hex(backup.verification.head);
  facts.rows = backup.verification.rows;
  return facts;
}

base::Result<cli::BackupFacts, std::string> check_backup(const std::string& file) {
  sqlite::PosixFileSystem files;
  const auto checked = state::check_backup(files, file);
  if (!checked) return base::fail(checked.error());
  return facts_of(*checked);
}

}  // namespace server
