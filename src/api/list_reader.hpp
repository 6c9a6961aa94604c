// A list that is read piece by piece while others are served and writes go on, and yet all of one
// revision: what changed since is read as it was from state.db. Says step by step what it needs;
// the shell (server/) performs that. Pure; lives on the io thread.
#pragma once

#include <string>
#include <variant>

#include "http/message.hpp"
#include "ipam/history.hpp"
#include "ipam/state_machine.hpp"

namespace api {

// What one step looks at, and what it writes: less than a millisecond of the io thread or of that
// of state.db.
inline constexpr std::size_t list_visits_max = 1000;
inline constexpr std::size_t list_objects_max = 250;
// A piece of a body ends with the step that reaches it.
inline constexpr std::size_t list_piece_bytes = 64 << 10;

class PastPlans;

class ListReader {
 public:
  // What the node has during one step.
  struct View {
    const ipam::StateMachine& state;
    ipam::Revision applied;
    ipam::Revision plan_changed;  // after it no VRF and no network was changed
    PastPlans& past_plans;
  };
  // Ask state.db, which answers as of that View; hand the answer to take(), then go on.
  struct Ask {
    ipam::HistoryQuery query;
  };
  // Go on after whatever else is waiting.
  struct Yield {};
  // The next bytes of the body of list_head(): nothing but pieces follows.
  struct Piece {
    std::string bytes;
    bool is_last = false;
  };
  // A response is all of the answer, and the last step.
  using Step = std::variant<Ask, Yield, Piece, http::Response>;

  virtual ~ListReader() = default;
  virtual Step next(const View& view) = 0;
  virtual void take(const ipam::HistoryAnswer& answer) = 0;
  // Of the list, once its first step was made.
  virtual ipam::Revision revision() const = 0;
};

// 200 without the body.
http::Response list_head(ipam::Revision revision);

}  // namespace api
