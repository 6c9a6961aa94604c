// GET /allocations, piece by piece: the active ones from memory, what changed since and what has
// ended from state.db. Pure.
#pragma once

#include <map>
#include <string>

#include "api/allocation_filter.hpp"
#include "api/caller.hpp"
#include "api/pages.hpp"
#include "api/reader_at.hpp"

namespace api {

class AllocationList : public ReaderAt {
 public:
  // `has_ended`: also those that are not active.
  // REQUIRES: a caller that is limited names a network.
  AllocationList(AllocationFilter filter, Caller caller, bool has_ended,
                 PageRequest page, std::optional<Moment> moment);

 protected:
  Step go_on(const View& view) override;
  void accept(const ipam::HistoryAnswer& answer) override;
  http::Response in_future(ipam::Revision wanted, ipam::Revision applied) const override;

 private:
  using Key = ipam::U128;  // the number of the id, or the first address

  std::optional<http::Response> begin(const View& view);
  bool read_cursor();
  void gather(const View& view);
  void gather_active(const View& view);
  void ask_for_history();
  void ask_for_holders(const View& view);
  void take_piece(const ipam::PieceAt<ipam::Allocation>& piece);
  void take_holders(const std::vector<ipam::Allocation>& holders);
  void find(const ipam::Allocation& allocation);
  Key key_of(const ipam::Allocation& allocation) const;
  std::string text_of(Key key) const;
  bool show_found();

  const AllocationFilter filter_;
  const Caller caller_;
  const bool has_ended_;
  const bool from_memory_;  // what is there still; only what changed since comes from state.db
  ListBody body_;
  bool by_address_ = false;
  ipam::Family family_ = ipam::Family::ipv4;  // of the network, by address
  bool begun_ = false;

  // Ascending: the next key to look at. Descending: what has been looked at begins here.
  Key position_ = 1;
  // The window that is being looked at goes from the position to here, this not included; without
  // it to the end.
  std::optional<Key> window_end_;
  DescendingWindow window_;
  Key window_begin_ = 1;  // of a descending one
  bool gathered_ = false;
  bool ended_ = false;
  std::optional<ipam::HistoryQuery> question_;
  // What the window has, and by address also what changed behind it.
  std::map<Key, std::string> found_;
  ipam::Revision seen_;  // by address: what was superseded up to here has been looked at
  ipam::Revision seen_next_;
};

}  // namespace api
