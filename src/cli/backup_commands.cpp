// `ipam backup` and `ipam backup verify`. (`ipam restore` is server's: it makes a data directory.)
#include <fmt/format.h>

#include <filesystem>
#include <sys/stat.h>

#include "cli/commands.hpp"
#include "cli/draft_file.hpp"

namespace cli {

namespace {

constexpr std::uint64_t progress_step_bytes = 16u << 20;

// How much has come, on a terminal.
class Progress {
 public:
  Progress(Io& io, bool is_shown) : io_(io), is_shown_(is_shown && io.width > 0) {}
  ~Progress() {
    if (shown_bytes_ > 0) io_.err << '\n';
  }
  void add(std::size_t bytes) {
    bytes_ += bytes;
    if (!is_shown_ || bytes_ - shown_bytes_ < progress_step_bytes) return;
    shown_bytes_ = bytes_;
    io_.err << fmt::format("\rreceived {} MiB", bytes_ >> 20) << std::flush;
  }

 private:
  Io& io_;
  const bool is_shown_;
  std::uint64_t bytes_ = 0;
  std::uint64_t shown_bytes_ = 0;
};

void print_facts(const std::string& file, const BackupFacts& facts, OutputFormat format, Io& io) {
  const std::vector<std::pair<std::string, std::uint64_t>> counts = {
      {"bytes", facts.bytes},           {"vrfs", facts.vrfs},
      {"networks", facts.networks},     {"allocations", facts.allocations},
      {"audit_entries", facts.audit_entries}, {"rows", facts.rows}};
  if (format == OutputFormat::json) {
    boost::json::object object{{"file", file},
                               {"revision", facts.revision},
                               {"digest", facts.digest},
                               {"audit_hash", facts.audit_hash}};
    for (const auto& [name, count] : counts) object[name] = count;
    print_json(io, boost::json::serialize(object));
    return;
  }
  print_field(io, "File", file);
  print_field(io, "Revision", fmt::format_int(facts.revision).str());
  print_field(io, "Digest", facts.digest);
  print_field(io, "Size", fmt::format("{} bytes", facts.bytes));
  print_field(io, "Holds",
              fmt::format("{} VRFs, {} networks, {} active allocations, {} audit entries; {} rows "
                          "checked",
                          facts.vrfs, facts.networks, facts.allocations, facts.audit_entries,
                          facts.rows));
  print_field(io, "Audit hash", facts.audit_hash);
}

bool is_there(const std::string& file) {
  struct stat status {};
  return ::lstat(file.c_str(), &status) == 0;
}

CommandResult check_backup(const Arguments& arguments) {
  const std::string& file = arguments.positional(0);
  if (!arguments.has("force") && is_there(file))
    return base::fail(failed(fmt::format("{} is there already: name another file, or replace it "
                                         "with --force",
                                         file)));
  return base::Ok{};
}

// What was received is checked as what lies on the disk, against what the server said of it.
CommandResult check_received(Context& context, const DraftFile& draft,
                             const http::Response& head, BackupFacts& facts) {
  auto checked = context.hooks.check_backup(draft.draft());
  if (!checked) return base::fail(failed("the backup is not whole: " + checked.error()));
  facts = std::move(*checked);
  const std::string* const revision = head.header("X-Ipam-Revision");
  const std::string* const digest = head.header("X-Ipam-Digest");
  if (revision == nullptr || digest == nullptr ||
      *revision != fmt::format_int(facts.revision).str() || *digest != facts.digest)
    return base::fail(failed(fmt::format(
        "the backup is of revision {} and digest {}, but the server promised revision {} and "
        "digest {}",
        facts.revision, facts.digest, revision ? printable(*revision) : "none",
        digest ? printable(*digest) : "none")));
  return base::Ok{};
}

CommandResult make_backup(Context& context) {
  const Arguments& arguments = context.arguments;
  const std::string& file = arguments.positional(0);
  const std::filesystem::path folder = std::filesystem::absolute(file).parent_path();
  std::error_code unknown;
  if (std::filesystem::exists(folder / "raft.db", unknown))
    return base::fail(failed(fmt::format("{} is the data directory of a node, which deletes what "
                                         "it does not know: name a file elsewhere",
                                         folder.string())));
  DraftFile draft(file);
  if (!draft.error().empty()) return base::fail(failed(draft.error()));
  Query query;
  if (arguments.has("stale")) query.emplace_back("consistency", "stale");
  base::Result<http::Response, CommandError> head = http::Response();
  {
    Progress progress(context.io, context.format == OutputFormat::table);
    const auto take = [&](std::string_view bytes) {
      progress.add(bytes.size());
      return draft.write(bytes);
    };
    head = context.client.stream_post("/cluster/backup", query, take);
  }
  if (!draft.error().empty()) return base::fail(failed(draft.error()));
  if (!head) return base::fail(head.error());
  if (!draft.sync()) return base::fail(failed(draft.error()));
  BackupFacts facts;
  if (auto checked = check_received(context, draft, *head, facts); !checked) return checked;
  if (!draft.finish(arguments.has("force"))) return base::fail(failed(draft.error()));
  print_facts(file, facts, context.format, context.io);
  return base::Ok{};
}

CommandResult verify_backup(const Arguments& arguments, OutputFormat format, const Hooks& hooks,
                            Io& io) {
  const std::string& file = arguments.positional(0);
  const auto facts = hooks.check_backup(file);
  if (!facts) return base::fail(failed(facts.error()));
  print_facts(file, *facts, format, io);
  return base::Ok{};
}

}  // namespace

std::vector<Command> backup_commands() {
  return {
      {{"backup",
        "Copy everything that a node holds into a file, and check it.",
        {{"FILE", "the file to make"}},
        {{"force", 0, "", "replace a file of that name"},
         {"stale", 0, "", "what the node has, without asking the leader: where there is none"}},
        {"ipam backup ipam.db --server http://localhost:8081", "ipam backup ipam.db --force"}},
       check_backup,
       make_backup},
      {{"backup verify",
        "Check a backup: its structure, every row's checksum, the audit log's chain.",
        {{"FILE", "a file that ipam backup made"}},
        {},
        {"ipam backup verify ipam.db", "ipam backup verify ipam.db --output json"}},
       nullptr,
       nullptr,
       false,
       verify_backup},
  };
}

}  // namespace cli
