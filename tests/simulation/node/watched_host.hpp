// The replica as its loop sees it, with the invariants in between. Part of simulated_node.
#pragma once

#include "simulated_node.hpp"

namespace simulation {

class SimulatedNode::WatchedHost : public raft::Host {
 public:
  explicit WatchedHost(SimulatedNode& node) : node_(node) {}

  void apply(const raft::AppliedEntry& entry) override;
  std::int64_t time_ms() const override { return node_.process_->replica->time_ms(); }
  void on_applied_batch() override { replica().on_applied_batch(); }
  void on_proposal_failed(const raft::FailedProposal& failed) override;
  void on_became_leader(raft::Term term, const std::string& why) override {
    replica().on_became_leader(term, why);
  }
  bool is_behind() const override { return node_.process_->replica->is_behind(); }
  void on_removed() override;
  void on_failure(const std::string& reason) override { replica().on_failure(reason); }
  void make_snapshot(Made done) override { replica().make_snapshot(std::move(done)); }
  void read_snapshot(std::uint64_t offset, std::size_t size, Bytes done) override {
    replica().read_snapshot(offset, size, std::move(done));
  }
  void drop_snapshot() override { replica().drop_snapshot(); }
  void begin_receive(std::uint64_t total_bytes, Done done) override {
    replica().begin_receive(total_bytes, std::move(done));
  }
  void write_chunk(std::uint64_t offset, base::SharedBytes data, Done done) override {
    replica().write_chunk(offset, std::move(data), std::move(done));
  }
  void drop_received() override { replica().drop_received(); }
  void install_snapshot(const raft::SnapshotMeta& meta, Done done) override;

 private:
  server::Replica& replica() { return *node_.process_->replica; }
  void installed(const raft::SnapshotMeta& meta);

  SimulatedNode& node_;
};

}  // namespace simulation
