#include "bench/fixture.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <stdexcept>

#include "base/assert.hpp"

namespace bench {
namespace {

constexpr std::size_t fill_clients = 4;

std::vector<std::string> joined(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

Bed::Bed(const Settings& settings, std::size_t nodes, const std::vector<std::string>& more_options)
    : folder(settings.parent),
      ipam(settings.ipam, folder.path(), nodes, joined(settings.server_options, more_options)) {
  const std::string made = ask_for(201, ipam.port(ipam.leader()), "POST", "/api/v1/networks",
                                   fmt::format(R"({{"cidr":"{}"}})", network_cidr));
  network = boost::json::parse(made).at("id").as_string();
}

LoadOptions load_of(const Settings& settings, std::uint16_t port, std::size_t clients) {
  LoadOptions out;
  out.ports = {port};
  out.clients = clients;
  out.duration = settings.duration;
  out.rate = settings.rate;
  return out;
}

LoadResult run_round(Rounds& rounds, const LoadOptions& load, Workload& workload, CpuMeter meter) {
  LoadResult result = run_load(load, workload,
                               {{std::chrono::milliseconds(0), [&] { meter.begin(); }}});
  rounds.add(result, meter.use());
  return result;
}

LoadResult run_number(std::uint64_t count, std::uint16_t port, std::size_t clients,
                      Workload& workload) {
  LoadOptions load;
  load.ports = {port};
  load.clients = clients;
  load.warm_up = std::chrono::milliseconds(0);
  load.duration = std::chrono::hours(4);
  load.requests_max = count;
  LoadResult result = run_load(load, workload);
  if (result.done < count)
    throw std::runtime_error(fmt::format("{} of {} requests were done: {}", result.done, count,
                                         result.first_failure));
  return result;
}

void fill(Bed& bed, std::uint64_t count) {
  ASSERT(count % operations_per_transaction == 0);
  AllocateMany many(bed.network, operations_per_transaction);
  run_number(count / operations_per_transaction, bed.ipam.port(bed.ipam.leader()), fill_clients,
             many);
}

std::string connections(std::size_t clients) {
  return fmt::format("{} connection{}", clients, clients == 1 ? "" : "s");
}

double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

double seconds_since(std::chrono::steady_clock::time_point moment) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - moment).count();
}

}  // namespace bench
