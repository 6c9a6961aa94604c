#include "api/object_at.hpp"

#include "api/handlers.hpp"
#include "api/render.hpp"
#include "base/assert.hpp"

namespace api {

ListReader::Step NetworkAt::go_on(const View& view) {
  const ipam::StateMachine* const plan = plan_.state(view, revision());
  if (!plan) return plan_.step();
  const ipam::Network* const network = caller_.network(*plan, id_);
  if (!network) return network_not_found(ipam::to_string(id_));
  http::Response response = list_head(revision());
  JsonWriter json(response.body);
  write_network(json, *network, plan->context(*network));
  return response;
}

ListReader::Step AllocationAt::go_on(const View& view) {
  if (!found_) {
    ipam::AtQuery<ipam::Allocation> query;
    query.at = revision();
    query.from = id_;
    query.to = id_ + 1;
    return Ask{query};
  }
  // Who is limited sees none of a network that is gone: whose it was is not known any more.
  const bool is_hidden = caller_.is_limited() && !found_->empty() &&
                         !caller_.network(view.state, found_->front().network_id);
  if (found_->empty() || is_hidden) return allocation_not_found(ipam::to_string(id_));
  http::Response response = list_head(revision());
  response.body = allocation_json(found_->front());
  return response;
}

void AllocationAt::accept(const ipam::HistoryAnswer& answer) {
  const auto* piece = std::get_if<ipam::PieceAt<ipam::Allocation>>(&answer);
  ASSERT(piece);
  found_ = piece->objects;
}

}  // namespace api
