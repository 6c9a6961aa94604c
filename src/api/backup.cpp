// POST /cluster/backup and /cluster/snapshot: of the files of the node that is asked.
#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

http::Response refusal(const BackupFailure& failure) {
  switch (failure.reason) {
    case BackupFailure::Reason::too_many:
      return problem(Problem::overloaded, failure.detail + "; try again once one has ended");
    case BackupFailure::Reason::no_room:
      return problem(Problem::insufficient_storage, failure.detail + "; make room, or ask "
                                                                     "another node");
    case BackupFailure::Reason::failed: break;
  }
  return problem(Problem::internal_error, failure.detail);
}

http::Response render_backup(const base::Result<Backup, BackupFailure>& made) {
  if (!made) return refusal(made.error());
  http::Response response;
  response.content_type = "application/vnd.sqlite3";
  const std::string revision = fmt::format_int(made->revision).str();
  response.headers.push_back(
      {"Content-Disposition", fmt::format("attachment; filename=\"ipam-{}.db\"", revision)});
  response.headers.push_back({"X-Ipam-Revision", revision});
  response.headers.push_back({"X-Ipam-Digest", digest_text(made->digest)});
  response.stream = made->body;
  response.stream_bytes = made->bytes;
  return response;
}

http::Response render_cut(const LogCut& cut) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.count("durable_index", cut.durable_index);
  json.count("snapshot_index", cut.snapshot_index);
  json.end_object();
  return json_response(200, std::move(body));
}

}  // namespace

Body create_backup(const Call& call) {
  const auto fields = Fields::read_or_empty(call, {});
  if (!fields) return Answer{fields.error()};
  return MakeBackup{call.consistency, render_backup};
}

Body create_snapshot(const Call& call) {
  const auto fields = Fields::read_or_empty(call, {});
  if (!fields) return Answer{fields.error()};
  return CutLog{render_cut};
}

}  // namespace api
