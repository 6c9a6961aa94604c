// What a node must find again on its disk after a crash. The names of broken invariants:
//
//   recovered_contains_acknowledged  all that persist() said is durable is there, unchanged, and
//                                    nothing else but the batch that was being written
//   loss_is_noticed                  where a disk lied or rotted, the node knows it
//   no_false_alarm                   and it does not say so where nothing was lost
//   cut_is_covered                   the log is cut only up to what state.db holds, durably
//   state_db_equals_memory           state.db as of its index is what memory was as of it
#pragma once

#include <optional>

#include "disk.hpp"
#include "invariants.hpp"
#include "raft/storage/log_store.hpp"
#include "simulated_disk.hpp"

namespace simulation {

// The batch as `model` takes it.
Batch batch_for_model(const raft::PersistBatch& batch);

// Empty, or in which way `found` is not `model`, with or without the batch that was being written.
// A commit index that goes back, and a log that begins earlier again, lose nothing: a damaged disk
// need not notice that. `hints` says whether they count.
std::string differs(const Disk& model, const std::optional<raft::PersistBatch>& in_flight,
                    const raft::DurableState& found, const Invariants& invariants, bool hints);

// A model of what was found.
Disk model_of(const raft::DurableState& found);

// The position up to which state.db would hold after a power cut at this moment.
raft::Index durable_state_index(const SimulatedDisk& disk);
// The same for raft.db; the text says why it does not open.
base::Result<raft::DurableState, std::string> durable_log(const SimulatedDisk& disk);

}  // namespace simulation
