// One network or allocation as it was at a revision or a time. Pure.
#pragma once

#include <vector>

#include "api/action.hpp"
#include "api/past_plan.hpp"
#include "api/reader_at.hpp"

namespace api {

class NetworkAt : public ReaderAt {
 public:
  NetworkAt(ipam::NetworkId id, Moment moment) : ReaderAt(moment), id_(id) {}

 protected:
  Step go_on(const View& view) override;
  void accept(const ipam::HistoryAnswer& answer) override { (void)plan_.take(answer); }

 private:
  const ipam::NetworkId id_;
  PlanAt plan_;
};

class AllocationAt : public ReaderAt {
 public:
  AllocationAt(ipam::AllocationId id, Moment moment) : ReaderAt(moment), id_(id) {}

 protected:
  Step go_on(const View& view) override;
  void accept(const ipam::HistoryAnswer& answer) override;

 private:
  const ipam::AllocationId id_;
  std::optional<std::vector<ipam::Allocation>> found_;
};

}  // namespace api
