// What every reader of a past does first: find out which revision it is to read, and whether that
// is still known. Pure.
#pragma once

#include <optional>
#include <variant>

#include "api/list_reader.hpp"
#include "api/query.hpp"

namespace api {

// `at=`: a revision or a time.
using Moment = std::variant<ipam::Revision, ipam::TimeMs>;
base::Result<std::optional<Moment>, http::Response> read_moment(const Query& query);

class ReaderAt : public ListReader {
 public:
  // Without a moment: what is applied at the first step.
  explicit ReaderAt(std::optional<Moment> moment) : moment_(moment) {}

  Step next(const View& view) final;
  void take(const ipam::HistoryAnswer& answer) final;
  ipam::Revision revision() const final { return *revision_; }

 protected:
  // As next() and take(), once revision() is known.
  virtual Step go_on(const View& view) = 0;
  virtual void accept(const ipam::HistoryAnswer& answer) = 0;
  // When it was, by the replicated clock; nothing where it is what is applied.
  std::optional<ipam::TimeMs> moment_ms() const {
    return known_ ? std::optional(known_->time) : std::nullopt;
  }
  // What is said of a revision that is not reached yet.
  virtual http::Response in_future(ipam::Revision wanted, ipam::Revision applied) const;

 private:
  std::optional<Step> resolve(const View& view);
  http::Response compacted() const;

  const std::optional<Moment> moment_;
  std::optional<ipam::KnownRevision> known_;
  std::optional<ipam::Revision> revision_;
  ipam::Revision oldest_;  // that is known, as of the last answer
};

}  // namespace api
