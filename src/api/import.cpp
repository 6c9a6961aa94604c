// POST /import: a file of another tool, or a piece of one, as one command. A large file is sent in
// pieces by the client (`ipam import` does), each with an Idempotency-Key of its own.
#include <fmt/format.h>

#include <initializer_list>

#include "api/handlers.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"
#include "api/text.hpp"
#include "transfer/reader.hpp"

namespace api {

namespace {

constexpr std::size_t import_body_bytes_max = 8u << 20;  // as http::Limits::body_bytes_max

struct RefusedRow {
  std::uint64_t position = 0;
  Problem problem = Problem::invalid_argument;
  std::string detail;
};

// A piece of a file on its way into one command.
struct Piece {
  std::vector<std::uint64_t> positions;  // of the command's rows
  std::vector<RefusedRow> refused;       // what no command can be made of
  std::vector<transfer::Ignored> ignored;
};

// What a request would be refused for: the texts of a file have the same rules.
struct TextsOf {
  Complaint operator()(const transfer::VrfRow& row) const {
    return first({check_tag("name", row.name), text("description", row.description)});
  }
  Complaint operator()(const transfer::NetworkRow& row) const {
    return first({text("description", row.description), tags(row.tags), metadata(row.metadata)});
  }
  Complaint operator()(const transfer::AllocationRow& row) const {
    return first({check_hostname("hostname", row.hostname), text("description", row.description),
                  check_text("owner", row.owner, ipam::owner_bytes_max), tags(row.tags),
                  metadata(row.metadata)});
  }
  Complaint operator()(const transfer::ReservationRow& row) const {
    return first({text("reason", row.reason), tags(row.tags), metadata(row.metadata)});
  }

  static Complaint first(std::initializer_list<Complaint> complaints) {
    for (const Complaint& complaint : complaints)
      if (complaint) return complaint;
    return std::nullopt;
  }
  static Complaint text(std::string_view field, std::string_view value) {
    return check_text(field, value, ipam::description_bytes_max);
  }
  static Complaint tags(const std::vector<std::string>& tags) {
    for (const std::string& tag : tags)
      if (auto complaint = check_tag("a tag", tag)) return complaint;
    return std::nullopt;
  }
  static Complaint metadata(const ipam::Metadata& metadata) {
    for (const auto& [key, value] : metadata)
      if (auto complaint = first({check_tag("a key of metadata", key),
                                  check_text("a value of metadata", value,
                                             ipam::metadata_value_bytes_max)}))
        return complaint;
    return std::nullopt;
  }
};

// The command that makes the object exist; the error says why there is none.
struct CommandOf {
  using Result = base::Result<ipam::CommandBody, std::string>;

  Result operator()(const transfer::NetworkRow& row) const {
    ipam::NetworkExtras extras;
    if (!row.status.empty()) {
      const auto status = ipam::parse_network_status(row.status);
      if (!status)
        return base::fail(fmt::format("the status of a network must be {}, not {}",
                                      ipam::network_status_names, quoted(row.status)));
      extras.status = *status;
    }
    if (!row.strategy.empty()) {
      const auto strategy = ipam::parse_strategy(row.strategy);
      if (!strategy)
        return base::fail(fmt::format("{} is no strategy of allocations", quoted(row.strategy)));
      extras.strategy = *strategy;
    }
    extras.gateway = row.gateway;
    extras.threshold_percent = row.threshold_percent;
    extras.metadata = row.metadata;
    ipam::CreateNetwork command;
    command.prefix = row.prefix;
    command.description = row.description;
    command.tags = row.tags;
    command.vrf = vrf_of(row.vrf);
    command.quarantine_seconds = row.quarantine_seconds;
    command.extras.set(std::move(extras));
    return ipam::CommandBody(std::move(command));
  }
  Result operator()(const transfer::AllocationRow& row) const {
    const ipam::U128 further = row.last.value - row.first.value;
    if (further >= UINT64_MAX) return base::fail(std::string("the block is too large"));
    ipam::Allocate command;
    command.vrf = vrf_of(row.vrf);
    command.count = static_cast<std::uint64_t>(further) + 1;
    command.hostname = row.hostname;
    command.description = row.description;
    command.tags = row.tags;
    ipam::AllocateOptions options;
    options.ip = row.first;
    options.owner = row.owner;
    options.metadata = row.metadata;
    command.options.set(std::move(options));
    return ipam::CommandBody(std::move(command));
  }
  Result operator()(const transfer::VrfRow& row) const {
    return ipam::CommandBody(ipam::CreateVrf{row.name, row.description});
  }
  Result operator()(const transfer::ReservationRow& row) const {
    return ipam::CommandBody(ipam::CreateReservation{.network_id = {},
                                                     .first = row.first,
                                                     .last = row.last,
                                                     .reason = row.reason,
                                                     .tags = row.tags,
                                                     .metadata = row.metadata,
                                                     .vrf = vrf_of(row.vrf)});
  }

  // Files name VRFs: a name that looks like an id is one all the same, and is refused later.
  static ipam::VrfReference vrf_of(const std::string& name) {
    if (name.empty() || name == ipam::vrf_default_name) return ipam::vrf_default;
    return name;
  }
};

void write_report(JsonWriter& json, const ipam::ImportReport& report, const Piece& piece) {
  const auto write_refused = [&json](std::uint64_t position, Problem problem,
                                     std::string_view detail) {
    json.begin_object();
    json.count("position", position);
    json.text("reason", row_of(problem).reason);
    json.text("detail", detail);
    json.end_object();
  };
  json.begin_object();
  json.count("created", report.created);
  json.count("updated", report.updated);
  json.count("unchanged", report.unchanged);
  json.count("skipped", report.skipped);
  json.key("refused");
  json.begin_array();
  for (const RefusedRow& row : piece.refused) write_refused(row.position, row.problem, row.detail);
  for (const ipam::Error& error : report.refused)
    write_refused(piece.positions[*error.operation], problem_of(error.code), error.detail);
  json.end_array();
  json.key("ignored");
  json.begin_array();
  for (const transfer::Ignored& ignored : piece.ignored) {
    json.begin_object();
    json.text("kind", ignored.kind);
    json.count("count", ignored.count);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

http::Response refusal(Problem reason, std::uint64_t position, std::string_view detail) {
  return problem_with(reason,
                      fmt::format("nothing was imported: at {}: {}", position, detail), "position",
                      position);
}

http::Response render_import(const ipam::Outcome& outcome, const Piece& piece) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) {
    if (!error->operation) return problem(*error);
    return refusal(problem_of(error->code), piece.positions[*error->operation], error->detail);
  }
  const auto* report = std::get_if<ipam::ImportReport>(&outcome);
  ASSERT(report);
  std::string body;
  JsonWriter json(body);
  write_report(json, *report, piece);
  return json_response(200, std::move(body));
}

base::Result<transfer::Format, http::Response> format_of(const Query& query) {
  const std::string* text = query.find("format");
  if (!text) return transfer::Format::json;
  if (const auto format = transfer::parse_format(*text)) return *format;
  return base::fail(problem(Problem::invalid_parameter,
                            fmt::format("format must be prefixes, csv, json, netbox or phpipam, "
                                        "not {}",
                                        quoted(*text))));
}

base::Result<ipam::OnConflict, http::Response> on_conflict_of(const Query& query) {
  const std::string* text = query.find("on_conflict");
  if (!text || *text == "fail") return ipam::OnConflict::fail;
  if (*text == "skip") return ipam::OnConflict::skip;
  if (*text == "update") return ipam::OnConflict::update;
  return base::fail(
      problem(Problem::invalid_parameter,
              fmt::format("on_conflict must be fail, skip or update, not {}", quoted(*text))));
}

}  // namespace

Body import_rows(const Call& call) {
  const auto format = format_of(call.query);
  if (!format) return Answer{format.error()};
  const auto on_conflict = on_conflict_of(call.query);
  if (!on_conflict) return Answer{on_conflict.error()};
  const auto dry_run = call.query.boolean("dry_run");
  if (!dry_run) return Answer{dry_run.error()};
  if (call.request.body.size() > import_body_bytes_max)
    return Answer{problem(Problem::body_too_large,
                          fmt::format("the body must be at most {} bytes long: send the file in "
                                      "pieces, as ipam import does",
                                      import_body_bytes_max))};
  std::vector<transfer::Row> rows;
  const auto reader = transfer::make_reader(*format, ipam::operations_max + 1);
  auto unreadable = reader->feed(call.request.body, rows);
  if (!unreadable && !call.request.body.empty()) unreadable = reader->finish(rows);
  if (rows.size() > ipam::operations_max)
    return Answer{problem(Problem::body_too_large,
                          fmt::format("the body has more than {} rows: send the file in pieces, "
                                      "as ipam import does",
                                      ipam::operations_max))};
  if (unreadable)
    return Answer{refusal(Problem::invalid_argument, unreadable->position, unreadable->text)};
  ipam::Import import{{}, *on_conflict};
  auto piece = std::make_shared<Piece>();
  if (!call.request.body.empty()) piece->ignored = reader->ignored();
  for (const transfer::Row& row : rows) {
    auto complaint = std::visit(TextsOf(), row.object);
    auto body = complaint ? CommandOf::Result(base::fail(*std::move(complaint)))
                          : std::visit(CommandOf(), row.object);
    if (body) {
      import.rows.push_back({*std::move(body), {}});
      piece->positions.push_back(row.position);
    } else if (*on_conflict == ipam::OnConflict::fail) {
      return Answer{refusal(Problem::invalid_argument, row.position, body.error())};
    } else {
      piece->refused.push_back({row.position, Problem::invalid_argument, body.error()});
    }
  }
  return write_or_dry_run(*dry_run, {{.body = std::move(import)},
                                     [piece](const ipam::Outcome& outcome) {
                                       return render_import(outcome, *piece);
                                     }});
}

}  // namespace api
