#include <doctest/doctest.h>

#include <set>

#include "api/problems.hpp"
#include "harness.hpp"

using namespace api;
using namespace api_test;

namespace {

void check_shape(const http::Response& response, const ProblemRow& row, std::string_view detail) {
  CAPTURE(row.reason);
  CHECK(response.status == row.status);
  CHECK(response.content_type == "application/problem+json");
  const boost::json::value body = parsed(response);
  std::string keys;
  for (const auto& member : body.as_object()) keys += std::string(member.key()) + ",";
  CHECK(keys == "type,title,status,detail,error,code,reason,");
  CHECK(text_at(response, "type") == type_of(row));
  CHECK(text_at(response, "title") == row.title);
  CHECK(text_at(response, "status") == std::to_string(row.status));
  CHECK(text_at(response, "code") == std::to_string(row.status));
  CHECK(text_at(response, "reason") == row.reason);
  CHECK(text_at(response, "detail") == detail);
  CHECK(text_at(response, "error") == detail);
  CHECK(header_of(response, "Retry-After") ==
        (row.problem == Problem::too_many_attempts           ? "60"
         : row.status == 503 || row.status == 429 ? "1"
                                                  : ""));
  CHECK(header_of(response, "WWW-Authenticate") == (row.status == 401 ? "Bearer" : ""));
}

}  // namespace

TEST_CASE("every row of the table of problems has the promised shape and a reason of its own") {
  std::set<std::string> reasons;
  for (const ProblemRow& row : problem_table()) {
    CHECK(reasons.insert(std::string(row.reason)).second);
    CHECK(row.reason.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == std::string_view::npos);
    CHECK_FALSE(row.title.empty());
    CHECK(row.status >= 400);
    CHECK(row.status < 600);
    CHECK(&row_of(row.problem) == &row);
    check_shape(problem(row.problem, "some \"detail\""), row, "some \"detail\"");
  }
  CHECK(reasons.size() >= 39);
}

TEST_CASE("the type of a problem is its reason in kebab-case") {
  CHECK(type_of(row_of(Problem::network_full)) == "/problems/network-full");
  CHECK(type_of(row_of(Problem::http_version_not_supported)) ==
        "/problems/http-version-not-supported");
}

TEST_CASE("every error of the state machine has the status that errors.hpp names") {
  struct Case {
    ipam::ErrorCode code;
    int status;
    const char* reason;
  };
  for (const Case& c : {Case{ipam::ErrorCode::network_not_found, 404, "NETWORK_NOT_FOUND"},
                        Case{ipam::ErrorCode::allocation_not_found, 404, "ALLOCATION_NOT_FOUND"},
                        Case{ipam::ErrorCode::network_exists, 409, "NETWORK_EXISTS"},
                        Case{ipam::ErrorCode::network_full, 409, "NETWORK_FULL"},
                        Case{ipam::ErrorCode::network_has_allocations, 409,
                             "NETWORK_HAS_ALLOCATIONS"},
                        Case{ipam::ErrorCode::child_holds_allocations, 409,
                             "CHILD_HOLDS_ALLOCATIONS"},
                        Case{ipam::ErrorCode::already_released, 409, "ALREADY_RELEASED"},
                        Case{ipam::ErrorCode::address_in_use, 409, "ADDRESS_IN_USE"},
                        Case{ipam::ErrorCode::address_not_usable, 409, "ADDRESS_NOT_USABLE"},
                        Case{ipam::ErrorCode::hostname_in_use, 409, "HOSTNAME_IN_USE"},
                        Case{ipam::ErrorCode::stale_fence, 409, "STALE_FENCE"},
                        Case{ipam::ErrorCode::invalid_argument, 400, "INVALID_ARGUMENT"}}) {
    const http::Response response = problem(ipam::Error{c.code, "why"});
    check_shape(response, row_of(problem_of(c.code)), "why");
    CHECK(response.status == c.status);
    CHECK(text_at(response, "reason") == c.reason);
  }
}

TEST_CASE("every result of a membership change has its answer") {
  struct Case {
    MemberChangeResult result;
    int status;
    const char* reason;
  };
  for (const Case& c :
       {Case{MemberChangeResult::no_leader, 503, "NO_LEADER"},
        Case{MemberChangeResult::outcome_unknown, 504, "OUTCOME_UNKNOWN"},
        Case{MemberChangeResult::already_member, 409, "ALREADY_MEMBER"},
        Case{MemberChangeResult::not_a_member, 404, "NOT_A_MEMBER"},
        Case{MemberChangeResult::would_lose_quorum, 409, "WOULD_LOSE_QUORUM"},
        Case{MemberChangeResult::change_in_progress, 409, "CHANGE_IN_PROGRESS"},
        Case{MemberChangeResult::no_successor, 409, "NO_SUCCESSOR"},
        Case{MemberChangeResult::not_a_cluster, 404, "NOT_A_CLUSTER"}}) {
    World world;
    world.member_change_result = c.result;
    const auto added = world.perform(post("cluster/nodes", R"({"node_id":4,"addr":"node4:5004"})"));
    const auto removed = world.perform(del("cluster/nodes/4"));
    const auto led = world.perform(post("cluster/transfer-leader", "{}"));
    for (const auto& response : {added, removed, led}) {
      CHECK(response.status == c.status);
      CHECK(text_at(response, "reason") == c.reason);
    }
  }
}

TEST_CASE("HTTP's own errors have rows of their own, and others fall back by class") {
  const std::pair<int, const char*> rows[] = {
      {400, "BAD_REQUEST"}, {404, "NOT_FOUND"}, {405, "METHOD_NOT_ALLOWED"},
      {408, "REQUEST_TIMEOUT"}, {411, "LENGTH_REQUIRED"}, {413, "BODY_TOO_LARGE"},
      {414, "URI_TOO_LONG"}, {415, "UNSUPPORTED_MEDIA_TYPE"}, {417, "EXPECTATION_FAILED"},
      {431, "HEADERS_TOO_LARGE"}, {500, "INTERNAL_ERROR"}, {501, "NOT_IMPLEMENTED"},
      {503, "OVERLOADED"}, {505, "HTTP_VERSION_NOT_SUPPORTED"}};
  for (const auto& [status, reason] : rows) {
    const http::Response response = problem_for_status(status, "why");
    CHECK(response.status == status);
    CHECK(text_at(response, "reason") == reason);
    CHECK(text_at(response, "detail") == "why");
  }
  CHECK(problem_for_status(418, "x").status == 400);
  CHECK(problem_for_status(599, "x").status == 500);
}

TEST_CASE("the shell's answers say what is known and when to retry") {
  CHECK(problem_no_leader().status == 503);
  CHECK(header_of(problem_no_leader(), "Retry-After") == "1");
  CHECK(text_at(problem_no_leader(), "reason") == "NO_LEADER");
  CHECK(problem_outcome_unknown().status == 504);
  CHECK(text_at(problem_outcome_unknown(), "reason") == "OUTCOME_UNKNOWN");
  CHECK(text_at(problem_outcome_unknown(), "detail").find("retry") != std::string::npos);
  CHECK(header_of(problem_outcome_unknown(), "Retry-After").empty());
  CHECK(text_at(problem_read_timeout(), "reason") == "READ_TIMEOUT");
  const http::Response not_reached = problem_revision_not_reached(8, 5);
  CHECK(text_at(not_reached, "reason") == "READ_TIMEOUT");
  CHECK(text_at(not_reached, "detail").find("revision 8") != std::string::npos);
  CHECK(text_at(not_reached, "detail").find("it is at 5: nothing was done") != std::string::npos);
  CHECK(text_at(problem_overloaded(), "reason") == "OVERLOADED");
  CHECK(text_at(problem_shutting_down(), "reason") == "SHUTTING_DOWN");
}
