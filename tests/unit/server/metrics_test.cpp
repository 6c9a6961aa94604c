// What GET /metrics says, and that what it says of single networks is bounded.
#include "server/metrics_page.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/random.hpp"

namespace {

class Plan {
 public:
  ipam::Outcome apply(ipam::CommandBody body) {
    return machine.apply(ipam::Revision(++revision_), 1'700'000'000'000, {"test", std::move(body)})
        .outcome;
  }
  // 10.0.N.0/24 with so many addresses allocated.
  void add_network(unsigned number, unsigned allocated, std::uint32_t threshold_percent = 0) {
    ipam::CreateNetwork network;
    network.prefix = *ipam::parse_prefix(fmt::format("10.0.{}.0/24", number));
    apply(network);
    const ipam::NetworkId id(number + 1);
    if (threshold_percent > 0) {
      ipam::UpdateNetwork update;
      update.id = id;
      update.threshold_percent = threshold_percent;
      apply(update);
    }
    if (allocated == 0) return;
    ipam::Allocate block;
    block.network = id;
    block.count = allocated;
    apply(block);
  }

  ipam::StateMachine machine;

 private:
  std::uint64_t revision_ = 0;
};

std::vector<std::uint64_t> values(const std::vector<ipam::NetworkId>& ids) {
  std::vector<std::uint64_t> out;
  for (const ipam::NetworkId id : ids) out.push_back(id.value());
  return out;
}

server::NodeReadings readings_of(const Plan& plan) {
  server::NodeReadings readings;
  readings.plan = &plan.machine;
  readings.status.role = "leader";
  readings.status.leader_id = 1;
  readings.status.members = {{1, "a:1", "leader", true, 7, 0, 0, 0},
                             {2, "b:\"2", "follower", true, 5, 2, 40, 40},
                             {3, "c:3", "follower", true, 0, 7, -1, 5000}};  // never heard
  readings.snapshot = raft::SnapshotProgress{raft::NodeId(2), 10, 100};
  return readings;
}

bool has_line(const std::string& page, std::string_view line) {
  return page.find(fmt::format("\n{}\n", line)) != std::string::npos;
}

TEST_CASE("the fullest networks are those that reached their threshold, then the fullest") {
  Plan plan;
  plan.add_network(0, 10);
  plan.add_network(1, 0);
  plan.add_network(2, 200);
  plan.add_network(3, 30, 10);
  plan.add_network(4, 200);
  server::FullestNetworks three(3, 100);
  CHECK(values(three.look(plan.machine)) == std::vector<std::uint64_t>{4, 3, 5});
  server::FullestNetworks all;
  CHECK(values(all.look(plan.machine)) == std::vector<std::uint64_t>{4, 3, 5, 1});
}

TEST_CASE("the fullest networks are found a few at a time, as if at once") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    Plan plan;
    std::vector<std::pair<unsigned, std::uint64_t>> expected;  // allocated, id
    for (unsigned number = 0; number < 100; ++number) {
      const auto allocated = static_cast<unsigned>(random.below(255));
      plan.add_network(number, allocated);
      if (allocated > 0) expected.emplace_back(allocated, number + 1);
    }
    std::sort(expected.begin(), expected.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    expected.resize(10);
    std::vector<std::uint64_t> ids;
    for (const auto& [allocated, id] : expected) ids.push_back(id);
    server::FullestNetworks few(10, 1 + random.below(30));
    std::vector<std::uint64_t> found;
    for (int look = 0; look < 101 && found.empty(); ++look) found = values(few.look(plan.machine));
    CHECK(found == ids);
  }
}

TEST_CASE("a network that is gone is not on the page") {
  Plan plan;
  plan.add_network(0, 10);
  server::NodeMetrics metrics;
  server::FullestNetworks fullest(10, 1);
  plan.add_network(1, 0);
  const auto page = [&] { return server::metrics_page(metrics, readings_of(plan), fullest); };
  page();
  page();
  constexpr std::string_view line =
      R"(ipam_network_utilization_ratio{network="net-1",cidr="10.0.0.0/24",vrf="default"})";
  CHECK(page().find(line) != std::string::npos);
  plan.apply(ipam::Release{ipam::AllocationId(1)});
  plan.apply(ipam::DeleteNetwork{ipam::NetworkId(1)});
  CHECK(page().find(line) == std::string::npos);
}

TEST_CASE("the metrics page counts requests, writes and members") {
  Plan plan;
  plan.add_network(0, 127, 50);
  server::NodeMetrics metrics;
  const api::Route& route = api::route_table().front();
  metrics.on_answered(&route, 200, 0.001);
  metrics.on_answered(&route, 200, 0.001);
  metrics.on_answered(&route, 503, 20);
  metrics.on_answered(nullptr, 400, 0);
  metrics.on_write(true, server::Decided{ipam::Allocation()}, 0.002);
  ipam::Error full;
  full.code = ipam::ErrorCode::network_full;
  metrics.on_write(true, server::Decided{full}, 0.002);
  metrics.on_write(false, server::Decided{full}, 0.002);
  metrics.on_write(true, server::WriteFailure::unknown, 5);
  metrics.on_leader_changed();
  metrics.on_role_changed({raft::RoleEvent::leads, raft::RoleCause::leader_silent, {}, {}, 0});
  metrics.on_role_changed({raft::RoleEvent::leads_no_more, raft::RoleCause::no_quorum, {}, {}, 0});
  server::FullestNetworks fullest;
  server::NodeReadings readings = readings_of(plan);
  raft::RefusalCounts refusals{};
  refusals[static_cast<std::size_t>(raft::RefusalReason::wrong_secret)] = 3;
  readings.refusals = &refusals;
  const std::string page = server::metrics_page(metrics, readings, fullest);
  CHECK(has_line(page, R"(ipam_raft_connections_refused_total{reason="wrong_secret"} 3)"));
  CHECK(has_line(page, R"(ipam_raft_connections_refused_total{reason="crowded"} 0)"));
  CHECK(has_line(page, R"(ipam_http_requests_total{method="GET",route="/api/v1",status="200"} 2)"));
  CHECK(has_line(page, R"(ipam_http_requests_total{method="GET",route="/api/v1",status="503"} 1)"));
  CHECK(has_line(page, R"(ipam_http_requests_total{method="none",route="none",status="400"} 1)"));
  CHECK(has_line(page, R"(ipam_allocations_requested_total{result="ok"} 1)"));
  CHECK(has_line(page, R"(ipam_allocations_requested_total{result="NETWORK_FULL"} 1)"));
  CHECK(has_line(page, R"(ipam_writes_failed_total{reason="unknown"} 1)"));
  CHECK(has_line(page, "ipam_write_duration_seconds_count 3"));
  CHECK(has_line(page, "ipam_raft_leader_changes_total 1"));
  CHECK(has_line(page, R"(ipam_raft_elections_won_total{cause="leader_silent"} 1)"));
  CHECK(has_line(page, R"(ipam_raft_leaderships_ended_total{cause="no_quorum"} 1)"));
  CHECK(has_line(page, "ipam_disk_low 0"));
  CHECK(has_line(page, R"(ipam_raft_member_lag_entries{member="2"} 2)"));
  CHECK(has_line(page, R"(ipam_raft_member_last_heard_seconds{member="2"} 0.04)"));
  CHECK(has_line(page, R"(ipam_raft_member_last_heard_seconds{member="3"} 5)"));
  CHECK(page.find(R"(ipam_raft_member_lag_entries{member="3"})") == std::string::npos);
  CHECK(has_line(page, R"(ipam_raft_member{member="2",addr="b:\"2",role="follower"} 1)"));
  CHECK(has_line(page, R"(ipam_raft_snapshot_sent_bytes{member="2"} 10)"));
  CHECK(has_line(page, "ipam_allocations 1"));
  CHECK(has_line(page, "ipam_network_utilization_ratio{network=\"net-1\",cidr=\"10.0.0.0/24\","
                       "vrf=\"default\"} 0.5"));
  CHECK(has_line(page, "ipam_network_threshold_reached{network=\"net-1\",cidr=\"10.0.0.0/24\","
                       "vrf=\"default\"} 1"));
}

TEST_CASE("the end of the certificate is on the metrics page where there is one") {
  Plan plan;
  server::NodeMetrics metrics;
  server::FullestNetworks fullest;
  auto readings = readings_of(plan);
  readings.http.handshakes_failed = 3;
  CHECK(server::metrics_page(metrics, readings, fullest).find("ipam_tls") == std::string::npos);
  metrics.certificate_end = 1'800'000'000;
  const std::string page = server::metrics_page(metrics, readings, fullest);
  CHECK(has_line(page, R"(ipam_tls_handshakes_failed_total{port="http"} 3)"));
  CHECK(has_line(page, R"(ipam_tls_certificate_expiry_seconds{port="http"} 1800000000)"));
  CHECK(page.find("port=\"raft\"") == std::string::npos);
  metrics.peer_certificate_end = 1'900'000'000;
  raft::RefusalCounts refusals{};
  refusals[static_cast<std::size_t>(raft::RefusalReason::no_certificate)] = 4;
  readings.refusals = &refusals;
  const std::string both = server::metrics_page(metrics, readings, fullest);
  CHECK(has_line(both, R"(ipam_tls_handshakes_failed_total{port="raft"} 4)"));
  CHECK(has_line(both, R"(ipam_tls_certificate_expiry_seconds{port="raft"} 1900000000)"));
}

TEST_CASE("each family of the metrics page is there once, and each sample is of the last one") {
  Plan plan;
  plan.add_network(0, 127, 50);
  server::NodeMetrics metrics;
  metrics.on_answered(nullptr, 404, 0.1);
  server::FullestNetworks fullest;
  std::istringstream page(server::metrics_page(metrics, readings_of(plan), fullest));
  std::set<std::string> families;
  std::string family;
  for (std::string line; std::getline(page, line);) {
    CAPTURE(line);
    std::istringstream words(line);
    std::string hash, keyword, name;
    if (line.starts_with("# HELP ")) {
      words >> hash >> keyword >> family;
      CHECK(families.insert(family).second);
      CHECK(line.find('\\') == std::string::npos);
    } else if (line.starts_with("# TYPE ")) {
      words >> hash >> keyword >> name;
      CHECK(name == family);
    } else {
      name = line.substr(0, line.find_first_of("{ "));
      const bool is_of_family = name == family || name == family + "_bucket" ||
                                name == family + "_sum" || name == family + "_count";
      CHECK(is_of_family);
    }
  }
  CHECK(families.size() > 30);
}

}  // namespace
