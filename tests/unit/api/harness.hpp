// A whole server without sockets, Raft or disk: performs what api::route() asks for on a real state
// machine. Stands in for server/ in the tests of api.
#pragma once

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "api/action.hpp"
#include "api/past_plan.hpp"
#include "api/watch_hub.hpp"
#include "tests/unit/history_model.hpp"

namespace api_test {

inline http::Request request(http::Method method, std::string target, std::string body = {},
                             std::string content_type = "application/json") {
  http::Request request;
  request.method = method;
  const std::size_t mark = target.find('?');
  if (mark != std::string::npos) request.query = target.substr(mark + 1);
  request.path = target.substr(0, mark);
  if (request.path.empty() || request.path[0] != '/') request.path = "/api/v1/" + request.path;
  if (!body.empty() && !content_type.empty())
    request.headers.push_back({"Content-Type", content_type});
  request.body = std::move(body);
  return request;
}
inline http::Request get(std::string target) {
  return request(http::Method::get, std::move(target));
}
inline http::Request post(std::string target, std::string body = {}) {
  return request(http::Method::post, std::move(target), std::move(body));
}
inline http::Request del(std::string target) {
  return request(http::Method::delete_, std::move(target));
}

inline std::string header_of(const http::Response& response, std::string_view name) {
  for (const http::Header& header : response.headers)
    if (http::equal_ignoring_case(header.name, name)) return header.value;
  return {};
}

// The whole of a body that is made in pieces.
inline std::string streamed(const http::Response& response) {
  std::string text;
  bool is_more = true;
  const auto take = [&](const http::BodySource::Piece& piece) {
    if (piece.after == http::BodySource::After::broken) throw std::runtime_error("broken body");
    text += piece.bytes;
    is_more = piece.after == http::BodySource::After::more;
  };
  while (is_more) response.stream->next(take);
  return text;
}

// Throws where the text is not valid JSON, which fails the test.
inline boost::json::value parsed(const http::Response& response) {
  return boost::json::parse(response.body);
}
inline std::string text_at(const http::Response& response, std::string_view name) {
  const boost::json::value body = parsed(response);
  const boost::json::value& value = body.as_object().at({name.data(), name.size()});
  return value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value);
}

// A body that is given in one piece.
class FixedBody : public http::BodySource {
 public:
  explicit FixedBody(std::string bytes) : bytes_(std::move(bytes)) {}
  void next(std::function<void(Piece)> done) override { done({bytes_, After::end}); }
  void cancel() override {}

 private:
  const std::string bytes_;
};

class World {
 public:
  http::Response perform(const http::Request& request) { return perform(api::route(request)); }

  http::Response perform(const api::Action& action) {
    return std::visit([this](const auto& body) { return run(body); }, action.body);
  }

  // What the node would do when a lease is due.
  void expire_leases() { apply(ipam::Command{.body = ipam::ExpireLeases{}}); }

  ipam::StateMachine state;
  std::unique_ptr<api::WatchHub> hub = std::make_unique<api::WatchHub>(ipam::Revision(0));
  ipam::TimeMs now = 1705314600000;  // 2024-01-15T10:30:00Z
  api::NodeStatus status;
  api::MemberChangeResult member_change_result = api::MemberChangeResult::done;
  std::vector<api::ChangeMembers> member_changes;
  // Called after each step of a list: others may write then.
  std::function<void()> between_steps;
  ipam::Revision oldest_known;
  base::Result<api::Backup, api::BackupFailure> backup = api::Backup{
      7, 0xabc, 6, std::make_shared<FixedBody>("SQLite")};
  std::vector<api::MakeBackup> backups;

 private:
  http::Response run(const api::Answer& answer) { return answer.response; }
  http::Response run(const api::Write& write) {
    const auto decoded = ipam::decode_command(ipam::encode(write.command));
    if (!decoded || !(*decoded == write.command)) throw std::runtime_error("codec lost a command");
    const ipam::Applied applied = apply(*decoded);
    return api::rendered(write.render, applied.outcome, applied.replayed);
  }
  http::Response run(const api::IssueToken& issue) {
    ipam::Command command = issue.command;
    const std::string secret = "secret-" + std::to_string(++secrets_);
    std::get<ipam::CreateToken>(command.body).hash = base::sha256(secret);
    return issue.render(apply(command).outcome, secret);
  }
  http::Response run(const api::DryRun& dry_run) {
    return dry_run.render(state.preview(ipam::Revision(revision_.value() + 1), now,
                                        dry_run.command));
  }
  http::Response run(const api::Read& read) { return read.render(state); }
  http::Response run(const api::ReadHistory& read) {
    ipam::HistoryQuery query = read.query;
    while (true) {
      if (read.look) read.look(state, query);
      const auto answer = std::visit([this](const auto& asked) { return ask(asked); }, query);
      if (auto response = read.render(answer)) return *std::move(response);
    }
  }
  http::Response run(const api::ReadList& read) {
    std::string body;
    while (true) {
      const api::ListReader::View view{state, revision_, plan_changed_, past_plans_};
      api::ListReader::Step step = read.reader->next(view);
      if (auto* whole = std::get_if<http::Response>(&step)) return *whole;
      if (auto* piece = std::get_if<api::ListReader::Piece>(&step)) {
        body += piece->bytes;
        if (piece->is_last) break;
      }
      if (auto* question = std::get_if<api::ListReader::Ask>(&step))
        read.reader->take(
            std::visit([this](const auto& query) { return ask(query); }, question->query));
      if (between_steps) between_steps();
    }
    http::Response response = api::list_head(read.reader->revision());
    response.body = std::move(body);
    return response;
  }
  http::Response run(const api::Watch& watch) {
    return hub->watch(watch.since, revision_, watch.token);
  }
  http::Response run(const api::ReadStatus& read) { return read.render(status); }
  http::Response run(const api::ReadMetrics&) {
    http::Response page;
    page.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return page;
  }
  http::Response run(const api::ChangeMembers& change) {
    member_changes.push_back(change);
    return change.render(member_change_result);
  }

  http::Response run(const api::MakeBackup& make) {
    backups.push_back(make);
    return make.render(backup);
  }
  http::Response run(const api::CutLog& cut) { return cut.render({revision_.value(), 3}); }

  ipam::Applied apply(const ipam::Command& command) {
    ++revision_;
    ipam::Applied applied = state.apply(revision_, now, command);
    for (const ipam::Change& change : applied.changes) {
      if (const auto* put = std::get_if<ipam::AllocationPut>(&change))
        allocations_[put->allocation.id] = put->allocation;
      if (const auto* appended = std::get_if<ipam::AuditAppended>(&change))
        audit_.push_back(appended->entry);
    }
    history_.take(revision_, applied.changes);
    if (std::any_of(applied.changes.begin(), applied.changes.end(), ipam::changes_plan))
      plan_changed_ = revision_;
    hub->publish(revision_, ipam::share(applied.changes));
    hub->deliver();
    return applied;
  }

  ipam::HistoryAnswer ask(const ipam::AuditQuery& query) {
    if (!query.resource && (query.actor || query.action))  // which no index finds
      REQUIRE(query.before.value() - query.from <= 10000);
    std::vector<ipam::AuditEntry> newest(audit_.rbegin(), audit_.rend());
    std::erase_if(newest, [&](const ipam::AuditEntry& entry) {
      return (query.before && entry.id >= *query.before) || entry.id < query.from ||
             (query.resource && entry.resource != *query.resource) ||
             (query.actor && entry.user != *query.actor) ||
             (query.action && entry.action != *query.action) ||
             (query.since && entry.timestamp < *query.since) ||
             (query.until && entry.timestamp >= *query.until);
    });
    newest.resize(std::min<std::size_t>(newest.size(), query.limit));
    return newest;
  }
  ipam::HistoryAnswer ask(const ipam::VerifyQuery&) {
    return ipam::Verification{true, "", audit_.size(), audit_.size(), state.counters().audit_hash};
  }
  ipam::HistoryAnswer ask(const ipam::AllocationQuery& query) {
    std::vector<ipam::Allocation> found;
    const auto at = allocations_.find(query.id);
    if (at != allocations_.end()) found.push_back(at->second);
    return found;
  }

  ipam::HistoryAnswer ask(const ipam::AddressQuery& query) {
    std::vector<ipam::Allocation> found = history_.allocations.at({.at = query.at});
    std::reverse(found.begin(), found.end());
    std::erase_if(found, [&](const ipam::Allocation& allocation) {
      return allocation.first > query.address || query.address > allocation.last ||
             (query.before && allocation.id >= *query.before) ||
             (query.only_ended && allocation.status == ipam::AllocationStatus::allocated) ||
             !query.networks.admits(allocation.network_id);
    });
    found.resize(std::min<std::size_t>(found.size(), query.limit));
    return found;
  }

  // As many at a time as the question allows, as state.db does.
  template <class Object>
  static ipam::HistoryAnswer piece(const unit::ObjectHistory<Object>& history,
                                   ipam::AtQuery<Object> query) {
    const auto wanted = query.to;
    if (query.to.value() - query.from.value() > query.visits_max)
      query.to = query.from + query.visits_max;
    ipam::AtQuery<Object> rest{.at = query.at, .from = query.to, .to = wanted};
    const bool is_last = query.to < wanted && history.at(rest).empty();
    return ipam::PieceAt<Object>{history.at(query), is_last ? wanted : query.to};
  }
  ipam::HistoryAnswer ask(const ipam::RevisionQuery& query) {
    ipam::KnownRevision known;
    const auto* const revision = std::get_if<ipam::Revision>(&query.at);
    for (const ipam::AuditEntry& entry : audit_)
      if (revision ? entry.revision <= *revision
                   : entry.timestamp <= std::get<ipam::TimeMs>(query.at))
        known = {entry.revision, entry.timestamp, oldest_known};
    if (revision) known.revision = *revision;
    known.oldest = oldest_known;
    return known;
  }
  ipam::HistoryAnswer ask(const ipam::AtQuery<ipam::Vrf>& query) {
    return piece(history_.vrfs, query);
  }
  ipam::HistoryAnswer ask(const ipam::AtQuery<ipam::Network>& query) {
    return piece(history_.networks, query);
  }
  ipam::HistoryAnswer ask(const ipam::AtQuery<ipam::Allocation>& query) {
    return piece(history_.allocations, query);
  }

  int secrets_ = 0;
  ipam::Revision revision_;
  ipam::Revision plan_changed_;
  api::PastPlans past_plans_;
  unit::History history_;
  std::map<ipam::AllocationId, ipam::Allocation> allocations_;  // of every status, like state.db
  std::vector<ipam::AuditEntry> audit_;
};

}  // namespace api_test
