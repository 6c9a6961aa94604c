#include "http/connections.hpp"

#include <utility>

#include "base/assert.hpp"

namespace http {

Connections::Place Connections::add(Session* session, std::string source) {
  ++by_source_[source];
  ++size_;
  std::list<Member>& busy = lists_[static_cast<std::size_t>(Standing::busy)];
  return busy.insert(busy.end(), {session, std::move(source), Standing::busy});
}

void Connections::remove(Place place) {
  const auto counted = by_source_.find(place->source);
  ASSERT(counted != by_source_.end() && size_ > 0);
  if (--counted->second == 0) by_source_.erase(counted);
  --size_;
  lists_[static_cast<std::size_t>(place->standing)].erase(place);
}

void Connections::move(Place place, Standing standing) {
  std::list<Member>& from = lists_[static_cast<std::size_t>(place->standing)];
  std::list<Member>& to = lists_[static_cast<std::size_t>(standing)];
  to.splice(to.end(), from, place);
  place->standing = standing;
}

std::size_t Connections::from(const std::string& source) const {
  const auto counted = by_source_.find(source);
  return counted == by_source_.end() ? 0 : counted->second;
}

}  // namespace http
