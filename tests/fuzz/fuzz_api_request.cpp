// A request built from the input goes through api::route() and is performed on a small state
// machine. Input: one byte of method, then path, query, content type, up to a newline each; the
// rest is the body. Behind a tab in the third line comes If-Match, behind a second If-None-Match.
// Properties: no crash, a command survives its codec, every body is valid JSON.
#include <boost/json/parse.hpp>
#include <cstdint>
#include <string>

#include "api/action.hpp"
#include "api/past_plan.hpp"
#include "api/watch_hub.hpp"
#include "base/assert.hpp"

namespace {

std::string take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string line(rest.substr(0, end));
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

// By a letter, so that the corpus is readable text.
http::Method method_of(char letter) {
  switch (letter) {
    case 'G': return http::Method::get;
    case 'H': return http::Method::head;
    case 'P': return http::Method::post;
    case 'U': return http::Method::put;
    case 'A': return http::Method::patch;
    case 'D': return http::Method::delete_;
    case 'O': return http::Method::options;
    default: return http::Method::other;
  }
}

// A state.db that knows no more than that there is one.
struct EmptyHistory {
  template <class Object>
  ipam::HistoryAnswer operator()(const ipam::AtQuery<Object>& query) const {
    return ipam::PieceAt<Object>{{}, query.to};
  }
  ipam::HistoryAnswer operator()(const ipam::RevisionQuery& query) const {
    const auto* const revision = std::get_if<ipam::Revision>(&query.at);
    return ipam::KnownRevision{revision ? *revision : ipam::Revision(7), 1, ipam::Revision(3)};
  }
  template <class Query>
  ipam::HistoryAnswer operator()(const Query&) const {
    return std::vector<ipam::Allocation>();
  }
};

struct Perform {
  ipam::StateMachine& state;

  http::Response operator()(const api::Answer& answer) { return answer.response; }
  http::Response operator()(const api::Write& write) {
    const auto decoded = ipam::decode_command(ipam::encode(write.command));
    ASSERT(decoded && *decoded == write.command);
    return write.render(state.apply(ipam::Revision(100), 2000, *decoded).outcome);
  }
  http::Response operator()(const api::IssueToken& issue) {
    const std::string secret = "ipam_0f";
    ipam::Command command = issue.command;
    std::get<ipam::CreateToken>(command.body).hash = base::sha256(secret);
    return issue.render(state.apply(ipam::Revision(100), 2000, command).outcome, secret);
  }
  http::Response operator()(const api::DryRun& dry_run) {
    return dry_run.render(state.preview(ipam::Revision(100), 2000, dry_run.command));
  }
  http::Response operator()(const api::Read& read) { return read.render(state); }
  http::Response operator()(const api::ReadHistory& read) {
    ipam::HistoryQuery query = read.query;
    while (true) {
      if (read.look) read.look(state, query);
      if (auto response = read.render(answer_to(query))) return *std::move(response);
    }
  }
  ipam::HistoryAnswer answer_to(const ipam::HistoryQuery& query) const {
    if (std::holds_alternative<ipam::VerifyQuery>(query)) return ipam::Verification();
    if (std::holds_alternative<ipam::AuditQuery>(query)) return std::vector<ipam::AuditEntry>(1);
    std::vector<ipam::Allocation> allocations;
    state.for_each_allocation(
        [&](const ipam::Allocation& allocation) { allocations.push_back(allocation); });
    return allocations;
  }
  http::Response operator()(const api::ReadList& read) {
    api::PastPlans past_plans;
    const api::ListReader::View view{state, ipam::Revision(100), ipam::Revision(50), past_plans};
    while (true) {
      api::ListReader::Step step = read.reader->next(view);
      if (auto* whole = std::get_if<http::Response>(&step)) return std::move(*whole);
      const auto* piece = std::get_if<api::ListReader::Piece>(&step);
      if (piece && piece->is_last) return api::list_head(read.reader->revision());
      if (const auto* ask = std::get_if<api::ListReader::Ask>(&step))
        read.reader->take(std::visit(EmptyHistory(), ask->query));
    }
  }
  http::Response operator()(const api::Watch& watch) {
    return api::WatchHub(ipam::Revision(5)).watch(watch.since, ipam::Revision(100));
  }
  // The page is the shell's: something in its place, which is JSON as all other bodies.
  http::Response operator()(const api::ReadMetrics&) {
    http::Response page;
    page.body = "0";
    return page;
  }
  http::Response operator()(const api::ReadStatus& read) {
    api::NodeStatus status;
    status.cluster_mode = true;
    status.members.resize(1);
    return read.render(status);
  }
  http::Response operator()(const api::ChangeMembers& change) {
    ASSERT(change.node_id != 0 || change.action == api::MemberAction::lead);
    return change.render(api::MemberChangeResult::done);
  }
  http::Response operator()(const api::MakeBackup& make) {
    return make.render(base::fail(api::BackupFailure{api::BackupFailure::Reason::no_room, "full"}));
  }
  http::Response operator()(const api::CutLog& cut) { return cut.render({2, 1}); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  http::Request request;
  request.method = method_of(rest.front());
  rest.remove_prefix(1);
  request.path = "/" + take_line(rest);
  request.query = take_line(rest);
  std::string content_type = take_line(rest);
  for (const char* const name : {"If-None-Match", "If-Match", "Authorization"}) {
    const std::size_t tab = content_type.rfind('\t');
    if (tab == std::string::npos) continue;
    request.headers.push_back({name, content_type.substr(tab + 1)});
    content_type.resize(tab);
  }
  if (!content_type.empty()) request.headers.push_back({"Content-Type", std::move(content_type)});
  request.body = std::string(rest);

  ipam::StateMachine state;
  const ipam::CreateNetwork network{*ipam::parse_prefix("10.0.0.0/24"), "", {}};
  state.apply(ipam::Revision(1), 1000, {.body = network});
  const ipam::Allocate allocation{.network = ipam::NetworkId(1), .hostname = {}, .description = {},
                                  .tags = {}, .ttl_seconds = {}};
  state.apply(ipam::Revision(2), 1000, {.body = allocation});
  const ipam::Address reserved = *ipam::parse_address("10.0.0.7");
  const ipam::CreateReservation reservation{
      .network_id = ipam::NetworkId(1), .first = reserved, .last = reserved, .reason = {}};
  state.apply(ipam::Revision(3), 1000, {.body = reservation});
  // "Bearer t" is limited to the default VRF; who sends none may do everything.
  ipam::CreateToken token{"t", ipam::Role::editor, {ipam::vrf_default}, base::sha256("t"), {}, {}};
  state.apply(ipam::Revision(4), 1000, {.body = std::move(token)});
  const auto hash = api::presented_hash(request);
  const api::Action action = api::route(
      request, hash ? api::identify(state, *hash, 1000) : api::Identity(api::Caller()));
  const http::Response response = std::visit(Perform{state}, action.body);
  ASSERT(response.status >= 200 && response.status < 600 && response.status != 500);
  if (response.stream) {
    bool is_more = response.body.empty();
    const auto take = [&](const http::BodySource::Piece& piece) {
      is_more = piece.after == http::BodySource::After::more;
    };
    while (is_more && response.content_type != "text/event-stream") response.stream->next(take);
    return 0;
  }
  ASSERT(response.body.empty() == (response.status == 204 || response.status == 304));
  if (!response.body.empty()) {
    boost::system::error_code ec;
    boost::json::parse(response.body, ec);
    ASSERT(!ec);
  }
  return 0;
}
