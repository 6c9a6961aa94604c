// POST /transactions: each operation is read by the handler of the route that does the same alone,
// so that it has the same fields, checks and errors. References to earlier results are taken out
// first: the handler sees a valid value in their place, and the state machine puts in the real one.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "api/handlers.hpp"
#include "api/json.hpp"
#include "api/problems.hpp"
#include "api/render.hpp"

namespace api {

namespace {

namespace json = boost::json;

// 10,000 operations of some 800 bytes; http::Limits::body_bytes_max takes as much.
constexpr std::size_t transaction_body_bytes_max = 8u << 20;

struct OperationKind {
  std::string_view op;
  Handler* handler;
  std::string_view example_id = {};  // where it names its object in "id", a valid one
  bool has_fields = true;            // else "id" is all that it takes
  // Where the route has that in the path: the field that names it in place of "id".
  std::string_view id_field = "id";
  bool is_inner = false;  // the id is that of the second placeholder, and the first one is left out
};

constexpr OperationKind kinds[] = {
    {"vrf.create", create_vrf},
    {"vrf.update", update_vrf, "vrf-2"},
    {"vrf.delete", delete_vrf, "vrf-2", false},
    {"network.create", create_network},
    {"network.update", update_network, "net-1"},
    {"network.carve", carve_networks, "net-1"},
    {"network.split", split_network, "net-1"},
    {"network.merge", merge_networks},
    {"network.delete", delete_network, "net-1", false},
    {"allocation.create", create_allocation},
    {"allocation.release", release_allocation, "alloc-1"},
    {"allocation.update", update_allocation, "alloc-1"},
    {"allocation.renew", renew_allocation, "alloc-1"},
    {"reservation.create", create_reservation, "net-1", true, "network_id"},
    {"reservation.update", update_reservation, "res-1", true, "id", true},
    {"reservation.delete", delete_reservation, "res-1", false, "id", true},
};

const OperationKind* kind_of(std::string_view op) {
  const auto it = std::find_if(std::begin(kinds), std::end(kinds),
                               [&](const OperationKind& kind) { return kind.op == op; });
  return it == std::end(kinds) ? nullptr : it;
}

std::string known_operations() {
  std::string names;
  for (const OperationKind& kind : kinds) {
    if (!names.empty()) names += ", ";
    names += kind.op;
  }
  return names;
}

struct ReferenceField {
  std::string_view name;
  ipam::OperationField into;
  std::string_view stand_in;  // empty: the kind's example_id
};
constexpr ReferenceField reference_fields[] = {
    {"id", ipam::OperationField::id, ""},
    {"network_id", ipam::OperationField::network_id, "net-1"},
    {"cidr", ipam::OperationField::cidr, "0.0.0.0/0"},
    {"ip", ipam::OperationField::ip, "0.0.0.0"},
    {"vrf", ipam::OperationField::vrf, "vrf-2"},
};

constexpr std::pair<std::string_view, ipam::ResultField> result_fields[] = {
    {"id", ipam::ResultField::id},     {"network_id", ipam::ResultField::network_id},
    {"cidr", ipam::ResultField::cidr}, {"ip", ipam::ResultField::ip},
    {"end_ip", ipam::ResultField::end_ip},
};

// "$3.id", as the operation `index` may say it; the error is the sentence for the user.
base::Result<ipam::Reference, std::string> parse_reference(std::string_view text,
                                                           std::size_t index) {
  const std::size_t dot = text.find('.');
  const auto number = parse_whole_number(text.substr(1, dot - 1));
  const std::string_view name = dot == std::string_view::npos ? "" : text.substr(dot + 1);
  const auto field = std::find_if(std::begin(result_fields), std::end(result_fields),
                                  [&](const auto& known) { return known.first == name; });
  if (dot == std::string_view::npos || !number || field == std::end(result_fields))
    return base::fail(fmt::format("{} is no reference: it must be as $0.id, with id, network_id, "
                                  "cidr, ip or end_ip",
                                  quoted(text)));
  if (*number >= index)
    return base::fail(fmt::format("{} must refer to an earlier operation", quoted(text)));
  ipam::Reference reference;
  reference.operation = static_cast<std::uint32_t>(*number);
  reference.field = field->second;
  return reference;
}

class OperationReader {
 public:
  explicit OperationReader(std::size_t index) : index_(index) {}

  // Takes the fields out of it.
  base::Result<ipam::Operation, http::Response> read(json::value& value) {
    json::object* const given = value.if_object();
    if (!given) return fail(Problem::invalid_field, "an operation must be an object");
    json::object& object = *given;
    const json::value* op = object.if_contains("op");
    const json::string* name = op ? op->if_string() : nullptr;
    const OperationKind* kind = name ? kind_of({name->data(), name->size()}) : nullptr;
    if (!kind)
      return fail(Problem::invalid_field, "\"op\" must be one of: " + known_operations());
    object.erase("op");
    ipam::Operation operation;
    if (auto error = take_references(*kind, object, operation.references))
      return fail(Problem::invalid_field, *error);
    std::string id;
    if (!kind->example_id.empty()) {
      const json::value* text = object.if_contains({kind->id_field.data(), kind->id_field.size()});
      if (!text || !text->is_string() || text->get_string().empty())
        return fail(Problem::invalid_field,
                    fmt::format("\"{}\" is required, as a string", kind->id_field));
      id = std::string(text->get_string());
      object.erase({kind->id_field.data(), kind->id_field.size()});
    }
    if (!kind->has_fields && !object.empty())
      return fail(Problem::unknown_field,
                  fmt::format("unknown field {}; known fields: op, id",
                              quoted(std::string(object.begin()->key()))));
    return handled(*kind, id, object, std::move(operation));
  }

 private:
  base::Result<ipam::Operation, http::Response> handled(const OperationKind& kind,
                                                        std::string_view id,
                                                        json::object& fields,
                                                        ipam::Operation operation) const {
    http::Request request;
    request.method = http::Method::post;
    const auto query = Query::parse("", {});
    ASSERT(query.ok());
    // Whose operation it is stands in the whole command.
    const Caller caller;
    Call call{request, id, *query, Consistency::linearizable, caller, {}, &fields};
    if (kind.is_inner) std::swap(call.id, call.inner_id);
    Body body = kind.handler(call);
    if (const auto* answer = std::get_if<Answer>(&body)) return refused(answer->response);
    auto* write = std::get_if<Write>(&body);
    if (!write) return fail(Problem::invalid_field, "dry_run belongs to the transaction");
    operation.body = std::move(write->command.body);
    return operation;
  }

  // Notes the references and puts stand-ins in their place.
  std::optional<std::string> take_references(const OperationKind& kind, json::object& object,
                                             std::vector<ipam::Reference>& references) const {
    for (const ReferenceField& field : reference_fields) {
      json::value* value = object.if_contains({field.name.data(), field.name.size()});
      const json::string* text = value ? value->if_string() : nullptr;
      if (!text || !text->starts_with('$')) continue;
      auto reference = parse_reference({text->data(), text->size()}, index_);
      if (!reference) return reference.error();
      reference->into = field.into;
      references.push_back(*reference);
      const std::string_view stand_in = field.stand_in.empty() ? kind.example_id : field.stand_in;
      *value = json::string(stand_in.data(), stand_in.size());
    }
    return std::nullopt;
  }

  decltype(base::fail(http::Response())) fail(Problem problem, std::string_view detail) const {
    return base::fail(api::problem(problem, detail, static_cast<std::uint32_t>(index_)));
  }

  // The handler's own problem, with the number of the operation.
  decltype(base::fail(http::Response())) refused(const http::Response& response) const {
    const json::value problem = json::parse(response.body);
    const json::string& reason = problem.at("reason").as_string();
    const json::string& detail = problem.at("detail").as_string();
    for (const ProblemRow& row : problem_table())
      if (row.reason == std::string_view(reason.data(), reason.size()))
        return fail(row.problem, {detail.data(), detail.size()});
    UNREACHABLE();
  }

  std::size_t index_;
};

// ---- the body that the same request alone is answered with; null where it has none ----

void write(JsonWriter& json, std::monostate) { json.null(); }
void write(JsonWriter& json, const ipam::VrfView& vrf) { write_vrf(json, vrf, vrf.network_count); }
void write(JsonWriter& json, const ipam::NetworkView& network) {
  write_network(json, network, network.context);
}
void write(JsonWriter& json, const ipam::Allocation& allocation) {
  write_allocation(json, allocation);
}
void write(JsonWriter& json, const ipam::Reservation& reservation) {
  write_reservation(json, reservation);
}
void write(JsonWriter& json, const std::vector<ipam::NetworkView>& networks) {
  write_networks(json, networks);
}
void write(JsonWriter& json, const std::vector<ipam::Allocation>& allocations) {
  write_allocations(json, allocations);
}

template <class T>
concept OfOperation = requires(JsonWriter& json, const T& one) { write(json, one); };

http::Response render_transaction(const ipam::Outcome& outcome) {
  if (const auto* error = std::get_if<ipam::Error>(&outcome)) return problem(*error);
  const auto* outcomes = std::get_if<ipam::Outcomes>(&outcome);
  ASSERT(outcomes);
  std::string body;
  body.reserve(object_bytes_usual * outcomes->of_operations.size());
  JsonWriter json(body);
  const auto write_one = [&json]<class T>(const T& one) {
    if constexpr (OfOperation<T>) write(json, one);
    else UNREACHABLE();
  };
  json.begin_array();
  for (const ipam::Outcome& one : outcomes->of_operations) std::visit(write_one, one);
  json.end_array();
  return json_response(200, std::move(body));
}

}  // namespace

Body write_or_dry_run(bool dry_run, Write write) {
  if (!dry_run) return write;
  return DryRun{std::move(write.command),
                [render = std::move(write.render)](const ipam::Outcome& outcome) {
                  http::Response response = render(outcome);
                  if (response.status == 201) response.status = 200;
                  std::erase_if(response.headers, [](const http::Header& header) {
                    return header.name == "Location" || header.name == "ETag";
                  });
                  return response;
                }};
}

Body create_transaction(const Call& call) {
  auto fields =
      Fields::read(call, {"operations", "dry_run"}, transaction_body_bytes_max);
  if (!fields) return Answer{std::move(fields.error())};
  const bool dry_run = fields->boolean("dry_run").value_or(false);
  json::array* const operations = fields->array("operations");
  if (!fields->problem() && (!operations || operations->empty()))
    fields->complain(Problem::invalid_field, "operations is required, with one at least");
  if (operations && operations->size() > ipam::operations_max)
    fields->complain(Problem::invalid_field,
                     fmt::format("operations must have at most {} elements, not {}",
                                 ipam::operations_max, operations->size()));
  if (fields->problem()) return Answer{*fields->problem()};
  ipam::Transaction transaction;
  transaction.operations.reserve(operations->size());
  for (std::size_t i = 0; i < operations->size(); ++i) {
    auto operation = OperationReader(i).read((*operations)[i]);
    if (!operation) return Answer{std::move(operation.error())};
    transaction.operations.push_back(*std::move(operation));
  }
  return write_or_dry_run(dry_run, {{.body = std::move(transaction)}, render_transaction});
}

}  // namespace api
