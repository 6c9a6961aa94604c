// Rows of a file that shall exist: each is decided as its command alone would be.
#include <fmt/format.h>

#include "ipam/decision.hpp"
#include "ipam/limits.hpp"

namespace ipam {

namespace {

// The row asks for what is there already.
bool is_conflict(const Error& error) {
  return error.code == ErrorCode::network_exists || error.code == ErrorCode::address_in_use ||
         error.code == ErrorCode::vrf_exists || error.code == ErrorCode::vrf_is_default;
}

Outcome decide_row(Decision& decision, const CommandBody& body) {
  if (auto error = check_limits(body)) return *std::move(error);
  if (const auto* vrf = std::get_if<CreateVrf>(&body)) return decision.decide(*vrf);
  if (const auto* network = std::get_if<CreateNetwork>(&body)) return decision.decide(*network);
  const Allocate& allocate = std::get<Allocate>(body);
  if (allocate.network != decltype(allocate.network)(NetworkId())) return decision.decide(allocate);
  const Address& ip = *allocate.options->ip;
  const VrfState* vrf = decision.plan.vrf(allocate.vrf);
  if (vrf == nullptr) return vrf_not_found(allocate.vrf);
  const NetworkState* state = decision.plan.network_of(vrf->vrf.id, ip);
  if (state == nullptr)
    return Error{ErrorCode::network_not_found,
                 fmt::format("network not found: none contains {}", to_string(ip))};
  Allocate in_network = allocate;
  in_network.network = state->network.id;
  return decision.decide(in_network);
}

}  // namespace

Outcome Decision::decide(const Import& command) {
  ImportReport report;
  Attempt attempt(*this);
  for (std::size_t row = 0; row < command.rows.size(); ++row) {
    Outcome outcome = decide_row(*this, command.rows[row].body);
    auto* error = std::get_if<Error>(&outcome);
    if (error == nullptr) {
      ++report.created;
      continue;
    }
    error->operation = static_cast<std::uint32_t>(row);
    if (command.on_conflict == OnConflict::fail) {
      attempt.undo();
      return outcome;
    }
    if (is_conflict(*error))
      ++report.skipped;
    else
      report.refused.push_back(std::move(*error));
  }
  attempt.keep();
  return report;
}

}  // namespace ipam
