#include "api/allocation_list.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/handlers.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"
#include "base/assert.hpp"

namespace api {
namespace {

using AllocationsAt = ipam::AtQuery<ipam::Allocation>;

// What is kept of the objects ahead of the window that changed meanwhile; some 60 MB at most.
constexpr std::size_t list_pending_max = 100'000;

ipam::AllocationId id_of(ipam::U128 key) {
  return ipam::AllocationId(static_cast<std::uint64_t>(key));
}

}  // namespace

AllocationList::AllocationList(AllocationFilter filter, Caller caller, bool has_ended,
                               PageRequest page, std::optional<Moment> moment)
    : ReaderAt(page.cursor ? std::optional<Moment>(page.cursor->revision) : moment),
      filter_(std::move(filter)),
      caller_(std::move(caller)),
      has_ended_(has_ended),
      from_memory_(!has_ended && !moment),
      body_(std::move(page)) {
  by_address_ = filter_.network_id && from_memory_ && body_.page().sort != "id";
}

http::Response AllocationList::in_future(ipam::Revision wanted, ipam::Revision applied) const {
  return body_.page().cursor ? body_.page().refuse_cursor()
                             : ReaderAt::in_future(wanted, applied);
}

// ---- steps ----

ListReader::Step AllocationList::go_on(const View& view) {
  if (!begun_) {
    if (auto refusal = begin(view)) return *std::move(refusal);
    begun_ = true;
  }
  if (!gathered_) {
    gather(view);
    gathered_ = true;
  }
  if (found_.size() > list_pending_max)
    return problem(Problem::overloaded, "too much changed while the list was being read");
  if (question_) return Ask{*question_};
  gathered_ = false;
  const bool has_room = show_found();
  return body_.step(has_room && ended_);
}

std::optional<http::Response> AllocationList::begin(const View& view) {
  const PageRequest& page = body_.page();
  if (caller_.is_limited() && !caller_.network(view.state, *filter_.network_id))
    return network_not_found(ipam::to_string(*filter_.network_id));
  body_.begin(revision());
  seen_ = revision();
  if (by_address_) position_ = 0;
  const auto* network = filter_.network_id ? view.state.network(*filter_.network_id) : nullptr;
  if (network) family_ = network->prefix.base.family;
  if (page.descending) position_ = view.state.counters().next_allocation;
  if (page.cursor && !read_cursor()) return page.refuse_cursor();
  if (filter_.network_id && !network && from_memory_ && !page.cursor)
    return network_not_found(ipam::to_string(*filter_.network_id));
  return std::nullopt;
}

bool AllocationList::read_cursor() {
  const PageRequest& page = body_.page();
  if (by_address_) {
    const auto address = ipam::parse_address(page.cursor->key);
    if (!address) return false;
    family_ = address->family;
    position_ = address->value + 1;
    ended_ = position_ == 0;
    return true;
  }
  const auto id = parse_whole_number(page.cursor->key);
  if (!id || *id >= ipam::number_max) return false;
  position_ = page.descending ? std::min<Key>(*id, position_) : Key{*id} + 1;
  return true;
}

void AllocationList::gather(const View& view) {
  if (ended_ || (body_.page().descending && position_ <= 1)) {
    ended_ = true;
    return;
  }
  if (body_.page().descending)
    window_begin_ = filter_.ip ? 1 : window_.before(id_of(position_).value(), body_.room());
  if (filter_.ip) {
    ask_for_holders(view);
  } else if (!from_memory_) {
    ask_for_history();
  } else {
    gather_active(view);
  }
}

void AllocationList::gather_active(const View& view) {
  std::size_t visits = 0;
  window_end_.reset();
  const bool descending = body_.page().descending;
  const Key first = descending ? window_begin_ : position_;
  const std::size_t enough = found_.size() + body_.room();
  if (descending) window_end_ = position_;
  const auto visit = [&](const ipam::Allocation& allocation) {
    const Key key = key_of(allocation);
    if (window_end_ && key >= *window_end_) return false;
    if (!descending && (visits++ == list_visits_max || found_.size() >= enough)) {
      window_end_ = key;
      return false;
    }
    find(allocation);
    return true;
  };
  if (by_address_)
    view.state.visit_allocations_in(*filter_.network_id, first, visit);
  else
    view.state.visit_allocations(id_of(first), visit);
  if (view.applied == seen_) return;
  AllocationsAt query{.at = seen_, .visits_max = list_visits_max, .only_superseded = true};
  if (by_address_) {
    query.network_id = filter_.network_id;
    seen_next_ = view.applied;
  } else {
    query.from = id_of(first);
    if (window_end_) query.to = id_of(*window_end_);
  }
  question_ = query;
}

void AllocationList::ask_for_history() {
  const bool shows_all = has_ended_ && filter_.admits_all();
  AllocationsAt query{.at = revision(),
                      .visits_max = shows_all ? body_.room() : list_visits_max,
                      .network_id = filter_.network_id};
  window_end_.reset();
  if (body_.page().descending) {
    window_end_ = position_;
    query.to = id_of(position_);
    query.from = id_of(window_begin_);
  } else {
    query.from = id_of(position_);
  }
  question_ = query;
}

// Few, mostly: all of them at once.
void AllocationList::ask_for_holders(const View& view) {
  window_end_.reset();
  if (from_memory_ && view.applied == revision()) {
    for (const ipam::Allocation& allocation : view.state.allocations_holding(*filter_.ip))
      find(allocation);
    return;
  }
  question_ = ipam::AddressQuery{*filter_.ip, list_visits_max, revision()};
}

// ---- answers ----

void AllocationList::accept(const ipam::HistoryAnswer& answer) {
  if (const auto* holders = std::get_if<std::vector<ipam::Allocation>>(&answer))
    return take_holders(*holders);
  const auto* piece = std::get_if<ipam::PieceAt<ipam::Allocation>>(&answer);
  ASSERT(piece);
  take_piece(*piece);
}

void AllocationList::take_piece(const ipam::PieceAt<ipam::Allocation>& piece) {
  auto* const query = std::get_if<AllocationsAt>(&*question_);
  ASSERT(query);
  for (const ipam::Allocation& allocation : piece.objects) find(allocation);
  if (!(piece.next < query->to)) {
    question_.reset();
    seen_ = by_address_ ? seen_next_ : seen_;
  } else if (by_address_ || body_.page().descending) {
    query->from = piece.next;
  } else {  // a shorter window than it was to be
    window_end_ = piece.next.value();
    found_.erase(found_.lower_bound(*window_end_), found_.end());
    question_.reset();
  }
}

void AllocationList::take_holders(const std::vector<ipam::Allocation>& holders) {
  auto* const query = std::get_if<ipam::AddressQuery>(&*question_);
  ASSERT(query);
  for (const ipam::Allocation& allocation : holders) find(allocation);
  if (holders.size() < query->limit)
    question_.reset();
  else
    query->before = holders.back().id;
}

// Keeps it if it is one of the list: as it was, and not shown yet.
void AllocationList::find(const ipam::Allocation& allocation) {
  const bool is_active = allocation.status == ipam::AllocationStatus::allocated;
  if (allocation.revision > revision() || !(is_active || has_ended_) ||
      !filter_.admits(allocation))
    return;
  const Key key = key_of(allocation);
  const bool is_ahead = body_.page().descending ? key < position_ : key >= position_;
  if (is_ahead) found_.emplace(key, allocation_json(allocation));
}

AllocationList::Key AllocationList::key_of(const ipam::Allocation& allocation) const {
  return by_address_ ? allocation.first.value : Key{allocation.id.value()};
}

std::string AllocationList::text_of(Key key) const {
  if (!by_address_) return fmt::format("{}", static_cast<std::uint64_t>(key));
  return ipam::to_string(ipam::Address{family_, key});
}

// False: the page is full.
bool AllocationList::show_found() {
  const auto show = [&](const auto& entry) {
    return body_.add(text_of(entry.first), entry.second);
  };
  if (body_.page().descending) {
    for (auto it = found_.rbegin(); it != found_.rend(); ++it)
      if (!show(*it)) return false;
    found_.clear();
    position_ = window_begin_;
    ended_ = position_ <= 1;
    return true;
  }
  const auto end = window_end_ ? found_.lower_bound(*window_end_) : found_.end();
  for (auto it = found_.begin(); it != end; ++it)
    if (!show(*it)) return false;
  found_.erase(found_.begin(), end);
  ended_ = !window_end_;
  if (window_end_) position_ = *window_end_;
  return true;
}

}  // namespace api
