// Lists of VRFs and networks, by id, from the plan of memory or of the past. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "api/network_filter.hpp"
#include "api/pages.hpp"
#include "api/past_plan.hpp"
#include "api/reader_at.hpp"

namespace api {

class PlanList : public ReaderAt {
 public:
  PlanList(PageRequest page, std::optional<Moment> moment);

 protected:
  // Once, before all else: why the list cannot be made, if so.
  virtual std::optional<http::Response> refuse(const ipam::StateMachine& plan);
  // Calls find() for what the list has from `first` on and before `end`, in the order of ids, and
  // gives where to go on; nothing at the end. Looks at some list_visits_max, stops at has_enough().
  virtual std::optional<std::uint64_t> look(const ipam::StateMachine& plan, std::uint64_t first,
                                            std::uint64_t end) = 0;
  // Where the window begins that is looked at before those from `position` on.
  virtual std::uint64_t window_before(std::uint64_t position);
  virtual std::uint64_t next_id(const ipam::StateMachine& state) const = 0;
  // Enough for this step.
  bool has_enough() const {
    return !body_.page().descending && found_.size() >= body_.room();
  }
  // What a look() that goes from id to id has before it.
  class Walk {
   public:
    Walk(const PlanList& list, std::uint64_t end) : list_(list), end_(end) {}
    bool goes_on_at(std::uint64_t id);
    std::optional<std::uint64_t> next() const { return next_; }

   private:
    const PlanList& list_;
    const std::uint64_t end_;
    std::size_t visits_ = 0;
    std::optional<std::uint64_t> next_;
  };
  void find(std::uint64_t id, std::string json) { found_.emplace_back(id, std::move(json)); }

  Step go_on(const View& view) override;
  void accept(const ipam::HistoryAnswer& answer) override { (void)plan_.take(answer); }
  http::Response in_future(ipam::Revision wanted, ipam::Revision applied) const override;

 private:
  bool begin(const View& view);
  bool show(std::uint64_t id, const std::string& json);

  PlanAt plan_;
  ListBody body_;
  DescendingWindow window_;
  bool begun_ = false;
  // Ascending: the next id to look at. Descending: those from here on have been looked at.
  std::uint64_t position_ = 1;
  std::vector<std::pair<std::uint64_t, std::string>> found_;
};

class NetworkList : public PlanList {
 public:
  NetworkList(NetworkFilter filter, PageRequest page, std::optional<Moment> moment)
      : PlanList(std::move(page), moment), filter_(std::move(filter)) {}

 protected:
  std::optional<http::Response> refuse(const ipam::StateMachine& plan) override;
  std::optional<std::uint64_t> look(const ipam::StateMachine& plan, std::uint64_t first,
                                    std::uint64_t end) override;
  std::uint64_t next_id(const ipam::StateMachine& state) const override {
    return state.counters().next_network;
  }

  std::uint64_t window_before(std::uint64_t position) override;

 private:
  const NetworkFilter filter_;
  bool is_wide_ = true;  // so many that all networks are looked at, one by one
};

class VrfList : public PlanList {
 public:
  VrfList(Caller caller, PageRequest page)
      : PlanList(std::move(page), std::nullopt), caller_(std::move(caller)) {}

 protected:
  std::optional<std::uint64_t> look(const ipam::StateMachine& plan, std::uint64_t first,
                                    std::uint64_t end) override;
  std::uint64_t next_id(const ipam::StateMachine& state) const override {
    return state.counters().next_vrf;
  }

 private:
  const Caller caller_;
};

}  // namespace api
