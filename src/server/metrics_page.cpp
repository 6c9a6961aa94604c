#include "server/metrics_page.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "metrics/text_format.hpp"

namespace server {
namespace {

using metrics::TextWriter;
using metrics::Type;

void write_connections(TextWriter& page, const http::Counts& http) {
  page.single("ipam_http_connections", Type::gauge, "Open connections",
              std::uint64_t{http.connections});
  page.family("ipam_http_connections_closed_total", Type::counter,
              "Connections that were closed because of a limit");
  const auto closed = [&](std::uint64_t count, std::string_view reason) {
    page.sample(count, {{"reason", reason}});
  };
  closed(http.refused_for_address, "per_address");
  closed(http.dropped_for_newcomer, "newcomer");
  closed(http.slow_senders, "slow_sender");
  closed(http.slow_readers, "slow_reader");
  closed(http.refused_for_memory, "request_memory");
  closed(http.cut_for_memory, "answer_memory");
  page.family("ipam_http_buffered_bytes", Type::gauge,
              "Memory of large requests, and of answers that wait for their client");
  page.sample(std::uint64_t{http.request_bytes}, {{"of", "requests"}});
  page.sample(std::uint64_t{http.answer_bytes}, {{"of", "answers"}});
}

void write_http(TextWriter& page, const NodeMetrics& metrics, const NodeReadings& readings) {
  const auto each = [&](const auto& visit) {
    const auto routes = api::route_table();
    for (std::size_t index = 0; index < metrics.requests().size(); ++index) {
      const NodeMetrics::Requests& requests = metrics.requests()[index];
      if (requests.by_status.empty()) continue;
      const bool has_route = index < routes.size();
      visit(has_route ? http::to_string(routes[index].method) : std::string_view("none"),
            has_route ? fmt::format("/api/v1{}", routes[index].pattern) : std::string("none"),
            requests);
    }
  };
  page.family("ipam_http_requests_total", Type::counter, "Answered requests");
  each([&](std::string_view method, const std::string& route, const auto& requests) {
    for (const auto& [status, count] : requests.by_status)
      page.sample(count, {{"method", method},
                          {"route", route},
                          {"status", fmt::format_int(status).str()}});
  });
  page.family("ipam_http_request_duration_seconds", Type::histogram,
              "From the whole request to its answer, or to the beginning of a long one");
  each([&](std::string_view method, const std::string& route, const auto& requests) {
    page.sample(requests.seconds, {{"method", method}, {"route", route}});
  });
  page.family("ipam_http_requests_denied_total", Type::counter,
              "Requests without a valid token, where one is needed, or too many of one client");
  page.sample(metrics.denied.without_token, {{"reason", "no_token"}});
  page.sample(metrics.denied.unknown_token, {{"reason", "unknown_token"}});
  page.sample(metrics.denied.expired_token, {{"reason", "expired_token"}});
  page.sample(metrics.denied.too_many_attempts, {{"reason", "too_many_attempts"}});
  page.sample(metrics.denied.too_many_requests, {{"reason", "too_many_requests"}});
  write_connections(page, readings.http);
  page.single("ipam_watchers", Type::gauge, "Readers of the change stream",
              std::uint64_t{readings.watchers});
}

void write_tls(TextWriter& page, const NodeMetrics& metrics, const NodeReadings& readings) {
  const auto& http = metrics.certificate_end;
  const auto& peers = metrics.peer_certificate_end;
  if (!http && !peers) return;
  page.family("ipam_tls_handshakes_failed_total", Type::counter,
              "TLS handshakes that were refused or too slow");
  if (http) page.sample(readings.http.handshakes_failed, {{"port", "http"}});
  if (peers && readings.refusals != nullptr) {
    const auto reason = static_cast<std::size_t>(raft::RefusalReason::no_certificate);
    page.sample((*readings.refusals)[reason], {{"port", "raft"}});
  }
  page.family("ipam_tls_certificate_expiry_seconds", Type::gauge,
              "When the certificate ends, in Unix time");
  if (http) page.sample(static_cast<std::uint64_t>(*http), {{"port", "http"}});
  if (peers) page.sample(static_cast<std::uint64_t>(*peers), {{"port", "raft"}});
}

void write_writes(TextWriter& page, const NodeMetrics& metrics, const NodeReadings& readings) {
  page.single("ipam_write_duration_seconds", Type::histogram,
              "From the proposal of a command at this node to its outcome", metrics.writes);
  page.family("ipam_writes_failed_total", Type::counter,
              "Commands without an outcome; all but the unknown were certainly not appended");
  page.sample(metrics.writes_refused, {{"reason", "no_leader"}});
  page.sample(metrics.writes_overloaded, {{"reason", "overloaded"}});
  page.sample(metrics.writes_unknown, {{"reason", "unknown"}});
  page.family("ipam_allocations_requested_total", Type::counter,
              "Allocations that clients asked this node for, by result");
  for (const auto& [result, count] : metrics.allocations) page.sample(count, {{"result", result}});
  page.single("ipam_proposals_pending", Type::gauge, "Commands of this node without an outcome yet",
              std::uint64_t{readings.proposals_pending});
  page.single("ipam_state_changes_queued", Type::gauge,
              "Changes that are applied and not yet taken up by the writer of state.db",
              std::uint64_t{readings.state_changes_queued});
}

void write_members(TextWriter& page, const NodeReadings& readings) {
  const auto& members = readings.status.members;
  const auto id = [](const api::MemberStatus& member) {
    return fmt::format_int(member.node_id).str();
  };
  page.family("ipam_raft_member", Type::gauge, "1 for each member, by its role");
  for (const api::MemberStatus& member : members)
    page.sample(std::uint64_t{1},
                {{"member", id(member)}, {"addr", member.address}, {"role", member.role}});
  if (readings.status.role != "leader") return;
  page.family("ipam_raft_member_lag_entries", Type::gauge,
              "Entries that the member is known not to have; on the leader, of whom it heard");
  for (const api::MemberStatus& member : members)
    if (member.last_heard_ms >= 0) page.sample(member.lag, {{"member", id(member)}});
  page.family("ipam_raft_member_last_heard_seconds", Type::gauge,
              "Since the leader heard from the member, or since it leads; on the leader alone");
  for (const api::MemberStatus& member : members)
    page.sample(static_cast<double>(member.silent_ms) / 1000, {{"member", id(member)}});
}

void write_refusals(TextWriter& page, const NodeReadings& readings) {
  if (readings.refusals == nullptr) return;
  page.family("ipam_raft_connections_refused_total", Type::counter,
              "Connections to the raft port that were not let in");
  for (std::size_t i = 0; i < readings.refusals->size(); ++i)
    page.sample((*readings.refusals)[i],
                {{"reason", raft::to_string(static_cast<raft::RefusalReason>(i))}});
}

void write_roles(TextWriter& page, const NodeMetrics& metrics) {
  const auto by_cause = [&](std::string_view name, std::string_view help,
                            const std::map<raft::RoleCause, std::uint64_t>& counts) {
    page.family(name, Type::counter, help);
    for (const auto& [cause, count] : counts)
      page.sample(count, {{"cause", std::string(raft::name_of(cause))}});
  };
  page.single("ipam_raft_leader_changes_total", Type::counter,
              "How often this node saw another leader than the one before", metrics.leader_changes);
  by_cause("ipam_raft_campaigns_total", "How often this node set out to lead, by why",
           metrics.campaigns);
  by_cause("ipam_raft_elections_won_total", "How often this node began to lead, by why",
           metrics.elections_won);
  by_cause("ipam_raft_leaderships_ended_total", "How often this node ceased to lead, by why",
           metrics.leaderships_ended);
  page.single("ipam_raft_hand_overs_failed_total", Type::counter,
              "How often a successor did not take over in time", metrics.hand_overs_failed);
}

void write_raft(TextWriter& page, const NodeMetrics& metrics, const NodeReadings& readings) {
  const api::NodeStatus& status = readings.status;
  const auto gauge = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    page.single(name, Type::gauge, help, value);
  };
  gauge("ipam_ready", "1 where GET /health says that this node serves",
        status.not_ready_reason.empty());
  gauge("ipam_raft_is_leader", "1 where this node leads", status.role == "leader");
  gauge("ipam_raft_has_leader", "1 where this node knows who leads", status.leader_id != 0);
  gauge("ipam_raft_term", "The term of this node", status.term);
  gauge("ipam_raft_commit_index", "The last entry known to be committed", status.commit_index);
  gauge("ipam_raft_applied_index", "The last entry applied: the revision", status.applied_index);
  gauge("ipam_raft_last_log_index", "The last entry in the log", status.last_log_index);
  gauge("ipam_raft_compacted_index", "The log begins after this entry", status.snapshot_index);
  write_roles(page, metrics);
  page.single("ipam_raft_log_write_duration_seconds", Type::histogram,
              "Transactions of raft.db, with their fsync", metrics.log_writes);
  page.single("ipam_raft_log_entries_written_total", Type::counter, "Entries written to raft.db",
              metrics.log_entries_written);
  page.single("ipam_raft_commit_duration_seconds", Type::histogram,
              "From append to commit, of the last entry of each turn; on the leader alone",
              metrics.commits);
  page.single("ipam_raft_turn_duration_seconds", Type::histogram,
              "One turn: entries that were committed are applied, messages leave", metrics.turns);
  write_members(page, readings);
  write_refusals(page, readings);
  if (!readings.snapshot) return;
  page.family("ipam_raft_snapshot_sent_bytes", Type::gauge, "Of the snapshot that is being sent");
  const std::string peer = fmt::format_int(readings.snapshot->peer.value()).str();
  page.sample(readings.snapshot->sent_bytes, {{"member", peer}});
  page.family("ipam_raft_snapshot_bytes", Type::gauge,
              "The size of the snapshot that is being sent; 0 while it is made");
  page.sample(readings.snapshot->total_bytes, {{"member", peer}});
}

void write_plan(TextWriter& page, const NodeReadings& readings, FullestNetworks& fullest) {
  const ipam::StateMachine& plan = *readings.plan;
  page.single("ipam_networks", Type::gauge, "Networks", std::uint64_t{plan.network_count()});
  page.single("ipam_allocations", Type::gauge, "Active allocations",
              std::uint64_t{plan.allocation_count()});
  struct Row {
    std::string network, cidr, vrf;
    ipam::NetworkStats stats;
  };
  std::vector<Row> rows;
  for (const ipam::NetworkId id : fullest.look(plan))
    if (const ipam::Network* network = plan.network(id))  // it may be gone since
      rows.push_back({ipam::to_string(id), ipam::to_string(network->prefix),
                      plan.context(*network).vrf, plan.stats(id)});
  page.family("ipam_network_utilization_ratio", Type::gauge,
              "The part of the usable addresses that is allocated, of the fullest networks");
  for (const Row& row : rows)
    page.sample(allocated_part(row.stats),
                {{"network", row.network}, {"cidr", row.cidr}, {"vrf", row.vrf}});
  page.family("ipam_network_threshold_reached", Type::gauge,
              "Whether the network has reached its threshold_percent, where it has one");
  for (const Row& row : rows)
    if (row.stats.threshold_percent > 0)
      page.sample(std::uint64_t{row.stats.threshold_reached},
                  {{"network", row.network}, {"cidr", row.cidr}, {"vrf", row.vrf}});
}

std::uint64_t size_of(const std::filesystem::path& file) {
  std::error_code missing;
  const auto bytes = std::filesystem::file_size(file, missing);
  return missing ? 0 : bytes;
}

void write_disk(TextWriter& page, const NodeReadings& readings) {
  page.family("ipam_file_bytes", Type::gauge, "The files of the data directory");
  for (const char* file : {"raft.db", "raft.db-wal", "state.db", "state.db-wal"})
    page.sample(std::uint64_t{size_of(readings.data_dir / file)}, {{"file", file}});
  page.single("ipam_disk_low", Type::gauge,
              "1 where the disk is nearly full: this node leads only where nobody else can",
              std::uint64_t{readings.status.disk_low});
  std::error_code unknown;
  const auto space = std::filesystem::space(readings.data_dir, unknown);
  if (unknown) return;
  page.single("ipam_disk_free_bytes", Type::gauge, "Free on the disk of the data directory",
              std::uint64_t{space.available});
}

// The names are those of Prometheus' own client libraries. proc(5) says which field is which.
void write_process(TextWriter& page) {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return;
  std::istringstream fields(text.substr(name_end + 1));
  std::vector<std::string> field(3);  // counted from 1; the third, "S", comes first here
  for (std::string word; fields >> word;) field.push_back(word);
  if (field.size() <= 24) return;
  const auto number = [&](std::size_t index) { return std::stod(field[index]); };
  const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  page.single("process_cpu_seconds_total", Type::counter, "Processor time, user and system",
              (number(14) + number(15)) / ticks);
  page.single("process_resident_memory_bytes", Type::gauge, "Resident memory",
              number(24) * static_cast<double>(::sysconf(_SC_PAGESIZE)));
}

}  // namespace

std::string metrics_page(const NodeMetrics& metrics, const NodeReadings& readings,
                         FullestNetworks& fullest) {
  std::string text;
  TextWriter page(text);
  page.family("ipam_build_info", Type::gauge, "1, with the version that runs");
  page.sample(std::uint64_t{1}, {{"version", IPAM_VERSION}});
  page.single("ipam_uptime_seconds", Type::gauge, "Since the start of the process",
              static_cast<std::uint64_t>(readings.status.uptime_seconds));
  write_http(page, metrics, readings);
  write_tls(page, metrics, readings);
  write_writes(page, metrics, readings);
  write_raft(page, metrics, readings);
  write_plan(page, readings, fullest);
  write_disk(page, readings);
  write_process(page);
  return text;
}

}  // namespace server
