// `ipam import`: reads the file here, whatever its format, and sends its rows in pieces. Each piece
// is one command with a key of its own, so that it is done once however often it is sent.
#include <fmt/format.h>

#include <array>
#include <random>

#include "cli/commands.hpp"
#include "transfer/reader.hpp"
#include "transfer/writer.hpp"

namespace cli {

namespace {

// One piece is one entry of the log, and holds up each node while it is applied.
constexpr std::size_t piece_rows_max = 2000;
constexpr std::size_t piece_bytes_max = 4u << 20;
// A dry run sees nothing of the pieces before it: as much as one command takes.
constexpr std::size_t dry_run_rows_max = 10'000;
constexpr std::size_t read_bytes = 1u << 20;
constexpr std::uint64_t progress_rows = 100'000;

struct Totals {
  std::uint64_t rows = 0;
  std::uint64_t created = 0;
  std::uint64_t updated = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t skipped = 0;
  boost::json::array refused;
  boost::json::array ignored;
};

class Importer {
 public:
  Importer(Context& context, transfer::Format format)
      : context_(context),
        reader_(transfer::make_reader(format)),
        is_dry_run_(context.arguments.has("dry-run")),
        query_("format=json&on_conflict=" +
               context.arguments.get("on-conflict").value_or("fail") +
               (is_dry_run_ ? "&dry_run=true" : "")),
        rows_max_(is_dry_run_ ? dry_run_rows_max : piece_rows_max),
        key_(fmt::format("import-{:08x}{:08x}", device_(), device_())) {}

  CommandResult import(Input& input) {
    std::istream& stream = input.stream();
    std::string bytes(read_bytes, '\0');
    std::optional<transfer::ReadError> unreadable;
    while (stream && !unreadable) {
      stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      const auto got = static_cast<std::size_t>(stream.gcount());
      unreadable = reader_->feed(std::string_view(bytes).substr(0, got), rows_);
      if (auto sent = send_rows(false); !sent) return sent;
    }
    if (input.is_broken()) return base::fail(failed("cannot read the file" + so_far()));
    if (!unreadable) unreadable = reader_->finish(rows_);
    if (auto sent = send_rows(true); !sent) return sent;
    if (unreadable)
      return base::fail(failed(
          fmt::format("at {}: {}{}", unreadable->position, unreadable->text, so_far())));
    for (const transfer::Ignored& ignored : reader_->ignored())
      totals_.ignored.push_back({{"kind", ignored.kind}, {"count", ignored.count}});
    return base::Ok{};
  }

  const Totals& totals() const { return totals_; }

 private:
  std::string so_far() const {
    const auto count = [](std::uint64_t number, std::string_view what) {
      return number == 0 ? "" : fmt::format(", {} {}", number, what);
    };
    return fmt::format(" ({} rows before it {} created{}, {} skipped{})", totals_.created,
                       is_dry_run_ ? "would be" : "were", count(totals_.updated, "updated"),
                       totals_.skipped, count(totals_.refused.size(), "refused"));
  }

  // Full pieces, or all that there is.
  CommandResult send_rows(bool all) {
    const transfer::Writer writer(transfer::ExportFormat::json);
    std::size_t next = 0;
    while (next < rows_.size() && (all || rows_.size() - next >= rows_max_)) {
      if (is_dry_run_ && pieces_ > 0)
        return base::fail(failed(fmt::format(
            "a dry run checks the first {} rows alone, for what they would make, and later rows "
            "may need, is not made{}",
            totals_.rows, so_far())));
      std::string body;
      const std::size_t first = next;
      while (next < rows_.size() && next - first < rows_max_ && body.size() < piece_bytes_max)
        writer.write(body, rows_[next++].object);
      if (auto sent = send_piece(std::move(body), first); !sent) return sent;
      if (totals_.rows / progress_rows != (totals_.rows + next - first) / progress_rows)
        context_.io.err << fmt::format("{} rows so far\n", totals_.rows + next - first);
      totals_.rows += next - first;
    }
    rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(next));
    return base::Ok{};
  }

  CommandResult send_piece(std::string body, std::size_t first) {
    auto answer = context_.client.post_exactly_once(
        text_post("/import", query_, "application/x-ndjson", std::move(body)),
        fmt::format("{}-{}", key_, ++pieces_), context_.io.pause);
    if (!answer) {
      answer.error().message += so_far();
      return base::fail(answer.error());
    }
    boost::system::error_code error;
    const boost::json::value value = boost::json::parse(answer->body, error);
    const boost::json::object* report = error ? nullptr : value.if_object();
    if (answer->status != 200) return base::fail(refusal(*answer, report, first));
    if (!report) return base::fail(failed("the answer is not ipam's" + so_far()));
    totals_.created += number_of(*report, "created");
    totals_.updated += number_of(*report, "updated");
    totals_.unchanged += number_of(*report, "unchanged");
    totals_.skipped += number_of(*report, "skipped");
    const boost::json::value* refused = report->if_contains("refused");
    if (refused && refused->is_array())
      for (const boost::json::value& row : refused->as_array()) add_refused(row, first);
    return base::Ok{};
  }

  void add_refused(const boost::json::value& row, std::size_t first) {
    if (!row.is_object()) return;
    boost::json::object object = row.as_object();
    object["position"] = position_of(object, first);
    totals_.refused.push_back(std::move(object));
  }

  // In the file, of what stands at "position" in the piece.
  std::uint64_t position_of(const boost::json::object& object, std::size_t first) const {
    const std::uint64_t in_piece = number_of(object, "position");
    const std::size_t row = first + static_cast<std::size_t>(in_piece) - 1;
    return in_piece >= 1 && row < rows_.size() ? rows_[row].position : 0;
  }

  CommandError refusal(const http::Response& response, const boost::json::object* problem,
                       std::size_t first) const {
    CommandError error = context_.client.refused(response);
    if (problem && problem->contains("position"))
      error.message = fmt::format("at {} of the file: {}", position_of(*problem, first),
                                  without_position(error.message));
    error.message += so_far();
    return error;
  }

  // What the server says of a piece, which is not what happened to the file.
  static std::string_view without_position(std::string_view message) {
    constexpr std::string_view of_piece = "nothing was imported: at ";
    const std::size_t end =
        message.starts_with(of_piece) ? message.find(": ", of_piece.size()) : message.npos;
    return end == message.npos ? message : message.substr(end + 2);
  }

  static std::uint64_t number_of(const boost::json::object& object, std::string_view name) {
    const boost::json::value* value = object.if_contains({name.data(), name.size()});
    return value && value->is_int64() ? static_cast<std::uint64_t>(value->as_int64()) : 0;
  }

  Context& context_;
  std::unique_ptr<transfer::Reader> reader_;
  const bool is_dry_run_;
  const std::string query_;
  const std::size_t rows_max_;
  std::random_device device_;
  const std::string key_;  // of this run: the same file may be imported again later
  std::uint64_t pieces_ = 0;
  std::vector<transfer::Row> rows_;
  Totals totals_;
};

CommandResult check_import(const Arguments& arguments) {
  const std::string format = arguments.get("format").value_or("");
  if (!transfer::parse_format(format))
    return base::fail(
        usage("--format must be prefixes, csv, json, netbox or phpipam, not '" + format + "'"));
  const std::string on_conflict = arguments.get("on-conflict").value_or("fail");
  if (on_conflict != "fail" && on_conflict != "skip" && on_conflict != "update")
    return base::fail(
        usage("--on-conflict must be fail, skip or update, not '" + on_conflict + "'"));
  return base::Ok{};
}

void print_totals(Context& context, const Totals& totals) {
  if (context.format == OutputFormat::json) {
    const boost::json::object report = {{"created", totals.created},
                                        {"updated", totals.updated},
                                        {"unchanged", totals.unchanged},
                                        {"skipped", totals.skipped},
                                        {"refused", totals.refused},
                                        {"ignored", totals.ignored}};
    return print_json(context.io, boost::json::serialize(report));
  }
  if (context.format == OutputFormat::csv)
    return print_rows(
        context, {{"Position", field("position")}, {"Reason", field("reason")},
                  {"Detail", field("detail")}},
        totals.refused);
  const bool dry_run = context.arguments.has("dry-run");
  const bool updates = context.arguments.get("on-conflict").value_or("fail") == "update";
  context.io.out << fmt::format("{} {}, {}, {} refused\n", totals.created,
                                dry_run ? "would be created" : "created",
                                updates ? fmt::format("{} updated, {} unchanged", totals.updated,
                                                      totals.unchanged)
                                        : fmt::format("{} skipped", totals.skipped),
                                totals.refused.size());
  for (const boost::json::value& row : totals.refused)
    context.io.out << fmt::format("at {}: {}\n", text_of(row.as_object(), "position"),
                                  printable(text_of(row.as_object(), "detail")));
  for (const boost::json::value& kind : totals.ignored)
    context.io.out << fmt::format("ignored: {} of {}\n", text_of(kind.as_object(), "count"),
                                  printable(text_of(kind.as_object(), "kind")));
}

CommandResult import_file(Context& context) {
  const std::string name = context.arguments.positional(0);
  auto input = Input::open(context, name);
  if (!input) return base::fail(input.error());
  Importer importer(context, *transfer::parse_format(*context.arguments.get("format")));
  const auto done = importer.import(*input);
  if (done || !importer.totals().refused.empty()) print_totals(context, importer.totals());
  if (!done) return done;
  const std::size_t refused = importer.totals().refused.size();
  if (refused == 0) return base::Ok{};
  return base::fail(failed(fmt::format("{} rows were refused", refused)));
}

}  // namespace

std::vector<Command> import_commands() {
  return {
      {{"import",
        "Make the networks and allocations of a file of another tool.",
        {{"FILE", "the file; - is standard input"}},
        {{"format", 'f', "FORMAT", "prefixes, csv, json, netbox or phpipam",
          {"prefixes", "csv", "json", "netbox", "phpipam"}},
         {"on-conflict", 0, "WHAT",
          "fail: stop at what is there already (default); skip: leave it as it is; update: change "
          "it to what the file says",
          {"fail", "skip", "update"}},
         {"dry-run", 0, "", "say what it would do, of 10,000 rows at most, and do nothing"}},
        {"ipam import --format prefixes prefixes.txt",
         "gunzip -c prefixes.txt.gz | ipam import -f prefixes --on-conflict skip -"}},
       check_import,
       import_file},
  };
}

}  // namespace cli
