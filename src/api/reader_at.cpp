#include "api/reader_at.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/problems.hpp"
#include "api/render.hpp"
#include "api/text.hpp"

namespace api {

base::Result<std::optional<Moment>, http::Response> read_moment(const Query& query) {
  const std::string* const text = query.find("at");
  if (!text) return std::optional<Moment>();
  const auto revision = parse_whole_number(*text);
  if (revision && *revision <= ipam::number_max)
    return std::optional<Moment>(ipam::Revision(*revision));
  if (const auto time = parse_query_time(*text)) return std::optional<Moment>(*time);
  return base::fail(
      problem(Problem::invalid_parameter,
              fmt::format("at must be a revision or a time such as 2024-01-15T10:30:00Z, not {}",
                          quoted(*text))));
}

ListReader::Step ReaderAt::next(const View& view) {
  if (!revision_) {
    if (auto step = resolve(view)) return *std::move(step);
  }
  if (*revision_ < oldest_) return compacted();  // meanwhile
  return go_on(view);
}

void ReaderAt::take(const ipam::HistoryAnswer& answer) {
  if (const auto* known = std::get_if<ipam::KnownRevision>(&answer)) {
    known_ = *known;
    return;
  }
  const auto oldest_of = [](const auto& one) {
    if constexpr (requires { one.oldest; }) return one.oldest;
    return ipam::Revision();
  };
  oldest_ = std::max(oldest_, std::visit(oldest_of, answer));
  if (*revision_ >= oldest_) accept(answer);
}

// Nothing: the revision is known.
std::optional<ListReader::Step> ReaderAt::resolve(const View& view) {
  if (!moment_) {
    revision_ = view.applied;
    return std::nullopt;
  }
  const auto* const wanted = std::get_if<ipam::Revision>(&*moment_);
  if (wanted && *wanted > view.applied) return in_future(*wanted, view.applied);
  if (wanted && *wanted == view.applied) {
    revision_ = view.applied;
    return std::nullopt;
  }
  if (!known_) return Ask{ipam::RevisionQuery{*moment_}};
  revision_ = known_->revision;
  oldest_ = known_->oldest;
  if (*revision_ >= oldest_) return std::nullopt;
  return compacted();
}

http::Response ReaderAt::compacted() const {
  return problem(Problem::revision_compacted,
                 fmt::format("what was there at revision {} is no longer known here; the oldest "
                             "revision that is known is {}",
                             revision_->value(), oldest_.value()));
}

http::Response ReaderAt::in_future(ipam::Revision wanted, ipam::Revision applied) const {
  return problem(Problem::invalid_parameter,
                 fmt::format("at must not be in the future: revision {} is not there yet, the "
                             "last one is {}",
                             wanted.value(), applied.value()));
}

http::Response list_head(ipam::Revision revision) {
  http::Response response = json_response(200, {});
  response.headers.push_back({"X-Ipam-Revision", fmt::format("{}", revision.value())});
  return response;
}

}  // namespace api
