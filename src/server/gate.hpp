// Who sent a request: finds out by its token, and has the executor perform it as theirs. The only
// way from HTTP to the executor. Runs on the io thread.
//
// A token is looked up in what this node has applied. One that it does not know may be too new for
// it: then it looks once more behind a read barrier, before it says that there is none. One that
// was revoked is of use until this node hears of that, for nothing but a stale read: writes are
// checked where they are applied, other reads behind their barrier.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>

#include "api/failed_attempts.hpp"
#include "api/request_rate.hpp"
#include "server/executor.hpp"

namespace server {

struct GateOptions {
  bool is_required = false;  // --auth required; otherwise everybody may do everything
  // Of the secret in the data directory (local_token.hpp), whose reader may do everything.
  std::optional<base::Sha256> local_hash = {};
  // Of each token, or of each address where nobody needs one; 0: as many as they like. Who has the
  // secret of the data directory is not held up.
  std::uint32_t requests_per_second = 0;
};

class Gate {
 public:
  Gate(const GateOptions& options, Replica& replica, raft::Node& node, Executor& executor,
       NodeMetrics& metrics)
      : options_(options),
        replica_(replica),
        node_(node),
        executor_(executor),
        rate_(options.requests_per_second),
        counts_(metrics.denied) {}

  // As Executor::perform(). `request` lives until `done` is called.
  void perform(const http::Request& request, Executor::Done done);

  // Called now and then: proposes that the tokens were used which came since.
  void note_uses();

 private:
  void perform_as(const http::Request& request, const api::Identity& identity,
                  Executor::Done done);
  void perform_behind_barrier(const http::Request& request, const base::Sha256& hash,
                              Executor::Done done);
  bool is_too_fast(const http::Request& request, const api::Identity& identity);
  api::Identity identify(const base::Sha256& hash) const;
  void note_use(const api::Caller& caller);

  const GateOptions options_;
  Replica& replica_;
  raft::Node& node_;
  Executor& executor_;
  api::FailedAttempts attempts_;
  api::RequestRate rate_;
  DeniedRequests& counts_;
  std::set<ipam::TokenId> used_;  // and not noted in the state yet; at most as many as there are
  bool noting_ = false;           // a TouchTokens of ours is under way
};

}  // namespace server
