#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/event_stream.hpp"

namespace cli {

namespace {

CommandResult check_watch(const Arguments& arguments) {
  if (const auto since = arguments.get("since")) {
    const auto number = parse_number("--since", *since, 0, UINT64_MAX);
    if (!number) return base::fail(usage(number.error()));
  }
  const auto count = parse_number("--count", arguments.get("count").value_or("1"), 1, UINT64_MAX);
  if (!count) return base::fail(usage(count.error()));
  return base::Ok{};
}

// Prints what comes; goes on until it has what was asked for, or something is wrong.
class Printer {
 public:
  Printer(Context& context, std::uint64_t count) : context_(context), left_(count) {}

  bool take(std::string_view bytes) {
    const bool goes_on = print_events(bytes);
    context_.io.out.flush();
    if (!context_.io.out.good()) {  // a full disk: what was not printed is to come again
      error_ = "cannot write the output";
      return false;
    }
    last_id_ = seen_id_;
    return goes_on;
  }

  bool finished() const { return left_ == 0 && error_.empty(); }
  // The text that says why it ended, and how to go on.
  std::string ended(std::string why) const {
    if (!error_.empty()) why = error_;
    if (last_id_.empty()) return why;
    return fmt::format("{} (go on with: ipam watch --since {})", why, last_id_);
  }

 private:
  bool print_events(std::string_view bytes) {
    events_.feed(bytes);
    while (const auto event = events_.next()) {
      if (!event->id.empty()) seen_id_ = event->id;
      if (event->type == "error") {
        error_ = detail_of(event->data);
        return false;
      }
      if (event->data.empty()) continue;
      if (!print(event->data)) return false;
      if (--left_ == 0) return false;
    }
    if (events_.too_large()) error_ = "the server sends no events";
    return error_.empty();
  }

  static std::string detail_of(const std::string& data) {
    boost::system::error_code error;
    const boost::json::value problem = boost::json::parse(data, error);
    if (error || !problem.is_object()) return "the server ended the watch";
    return printable(text_of(problem.as_object(), "detail"));
  }

  bool print(const std::string& data) {
    if (context_.format == OutputFormat::json) {
      print_json(context_.io, data);
      return true;
    }
    auto event = context_.client.object(data);
    if (!event) {
      error_ = event.error().message;
      return false;
    }
    boost::json::array rows;
    if (const auto* changes = event->if_contains("changes"); changes && changes->is_array())
      for (const boost::json::value& change : changes->as_array())
        if (change.is_object())
          if (const auto* entry = change.as_object().if_contains("entry");
              entry && entry->is_object())
            rows.push_back(*entry);
    if (rows.empty()) return true;
    const std::vector<Column> columns{{"Revision", field("revision")},
                                      {"Time", field("timestamp")},
                                      {"Action", field("action")},
                                      {"Resource", field("resource")},
                                      {"Details", field("details")},
                                      {"User", field("user")}};
    if (context_.format == OutputFormat::table) {
      for (const boost::json::value& row : rows)
        context_.io.out << fmt::format("{:<8}  {}  {:<16}  {:<10}  {} ({})\n",
                                       printable(text_of(row.as_object(), "revision")),
                                       printable(text_of(row.as_object(), "timestamp")),
                                       printable(text_of(row.as_object(), "action")),
                                       printable(text_of(row.as_object(), "resource")),
                                       printable(text_of(row.as_object(), "details")),
                                       printable(text_of(row.as_object(), "user")));
      return true;
    }
    std::string csv = render_csv(columns, rows);
    if (std::exchange(headed_, true)) csv.erase(0, csv.find('\n') + 1);
    context_.io.out << csv;
    return true;
  }

  Context& context_;
  EventStream events_;
  std::uint64_t left_;
  std::string seen_id_;
  std::string last_id_;  // of what is printed for sure
  std::string error_;
  bool headed_ = false;
};

CommandResult watch(Context& context) {
  Query query;
  if (const auto since = context.arguments.get("since")) query.emplace_back("since", *since);
  std::uint64_t count = UINT64_MAX;
  if (const auto text = context.arguments.get("count"))
    count = *parse_number("--count", *text, 1, UINT64_MAX);
  Printer printer(context, count);
  const auto streamed = context.client.stream(
      "/watch", query, [&printer](std::string_view bytes) { return printer.take(bytes); });
  if (printer.finished()) return base::Ok{};
  if (!streamed)
    return base::fail(
        CommandError{streamed.error().code, printer.ended(streamed.error().message)});
  return base::fail(failed(printer.ended("the server ended the watch")));
}

}  // namespace

std::vector<Command> watch_commands() {
  return {
      {{"watch",
        "Show every change as it happens.",
        {},
        {{"since", 0, "REVISION", "begin after this revision (default: now)"},
         {"count", 0, "N", "end after so many revisions that changed something"}},
        {"ipam watch", "ipam watch --since 1042 --output json"}},
       check_watch,
       watch},
  };
}

}  // namespace cli
