// One network or allocation as it was at a revision or a time. Pure.
#pragma once

#include <utility>
#include <vector>

#include "api/action.hpp"
#include "api/past_plan.hpp"
#include "api/reader_at.hpp"

namespace api {

class NetworkAt : public ReaderAt {
 public:
  NetworkAt(ipam::NetworkId id, Caller caller, Moment moment)
      : ReaderAt(moment), id_(id), caller_(std::move(caller)) {}

 protected:
  Step go_on(const View& view) override;
  void accept(const ipam::HistoryAnswer& answer) override { (void)plan_.take(answer); }

 private:
  const ipam::NetworkId id_;
  const Caller caller_;
  PlanAt plan_;
};

class AllocationAt : public ReaderAt {
 public:
  AllocationAt(ipam::AllocationId id, Caller caller, Moment moment)
      : ReaderAt(moment), id_(id), caller_(std::move(caller)) {}

 protected:
  Step go_on(const View& view) override;
  void accept(const ipam::HistoryAnswer& answer) override;

 private:
  const ipam::AllocationId id_;
  const Caller caller_;
  std::optional<std::vector<ipam::Allocation>> found_;
};

}  // namespace api
