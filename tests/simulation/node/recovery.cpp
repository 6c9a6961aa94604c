#include "recovery.hpp"

#include <fmt/format.h>

#include "simulated_files.hpp"
#include "state/database.hpp"

namespace simulation {

using raft::Index;

Batch batch_for_model(const raft::PersistBatch& batch) {
  Batch out;
  out.hard_state = batch.hard_state;
  if (batch.snapshot)
    out.snapshot = std::make_shared<const State>(
        State{batch.snapshot->last, batch.snapshot->configuration, 0});
  out.entries = batch.entries;
  out.compacted = batch.compacted;
  return out;
}

namespace {

std::string differs_from(const Disk& model, const raft::DurableState& found,
                         const Invariants& invariants, bool hints) {
  const auto& hard = model.hard_state();
  if (found.hard_state.term < hard.term)
    return fmt::format("term {} is back at {}", hard.term.value(), found.hard_state.term.value());
  if (found.hard_state.term == hard.term && hard.vote && found.hard_state.vote != hard.vote)
    return fmt::format("the vote of term {} is lost", hard.term.value());
  if (hints && found.hard_state.commit < hard.commit)
    return fmt::format("commit {} is back at {}", hard.commit.value(),
                       found.hard_state.commit.value());
  const Index beginning = found.compacted.index;
  const bool longer = !hints && beginning < model.compacted().index;
  if (!longer && beginning != model.compacted().index) {
    // A received snapshot was in place already: the log begins after it.
    if (beginning > invariants.committed_last() ||
        invariants.committed(beginning).term != found.compacted.term)
      return fmt::format("the log begins after {}, which is not committed", beginning.value());
    if (beginning < model.compacted().index)
      return fmt::format("the log begins after {} again, not {}", beginning.value(),
                         model.compacted().index.value());
    if (model.term_at(beginning) == found.compacted.term)
      return fmt::format("the log was emptied up to {}, and had it", beginning.value());
    return {};
  }
  if (!longer && beginning && found.compacted.term != model.compacted().term)
    return "the term of the beginning of the log differs";
  if (beginning + found.entries.size() != model.last_index())
    return fmt::format("the log ends at {}, not at {}", beginning.value() + found.entries.size(),
                       model.last_index().value());
  for (const raft::Entry& entry : found.entries)
    if (entry.index > model.compacted().index && !(model.at(entry.index) == entry))
      return fmt::format("entry {} is another one", entry.index.value());
  return {};
}

}  // namespace

std::string differs(const Disk& model, const std::optional<raft::PersistBatch>& in_flight,
                    const raft::DurableState& found, const Invariants& invariants, bool hints) {
  std::string text = differs_from(model, found, invariants, hints);
  if (text.empty() || !in_flight) return text;
  Disk after = model;
  // The model checks that the state covers a cut, which the caller has done for this batch.
  raft::PersistBatch batch = *in_flight;
  if (batch.compacted && batch.compacted->index > after.state().last.index)
    after.write_state(std::make_shared<const State>(State{*batch.compacted, {}, 0}));
  after.write(batch_for_model(batch));
  const std::string with_it = differs_from(after, found, invariants, hints);
  return with_it.empty() ? with_it : text + "; with the last write: " + with_it;
}

Disk model_of(const raft::DurableState& found) {
  Disk model(State{found.compacted, found.applied.configuration, 0});
  Batch batch;
  batch.hard_state = found.hard_state;
  batch.entries = found.entries;
  model.write(batch);
  model.write_state(
      std::make_shared<const State>(State{found.applied.last, found.applied.configuration, 0}));
  return model;
}

Index durable_state_index(const SimulatedDisk& disk) {
  const auto image = disk.durable_image();
  SimulatedFiles files(*image, "durable-image");
  const auto database = state::Database::open(files, "state.db");
  return database.ok() ? Index((*database)->position().index) : Index();
}

base::Result<raft::DurableState, std::string> durable_log(const SimulatedDisk& disk) {
  const auto image = disk.durable_image();
  SimulatedFiles files(*image, "durable-image");
  auto store = raft::LogStore::open(files, "");
  if (!store.ok()) return base::fail(store.error());
  auto log = (*store)->load();
  if (!log.ok()) return base::fail(log.error());
  raft::DurableState found;
  found.hard_state = log->hard_state;
  found.compacted = log->compacted;
  found.entries = std::move(log->entries);
  return found;
}

}  // namespace simulation
