#include "server/recover_command.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

#include "api/render.hpp"
#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "raft/node/recovery.hpp"
#include "server/cluster_config.hpp"
#include "server/directory_lock.hpp"
#include "server/node_files.hpp"
#include "sqlite/posix_file_system.hpp"

namespace server {
namespace {

using cli::CommandError;
using cli::failed;
using cli::usage;

struct Opened {
  ClusterConfig config;
  std::unique_ptr<DirectoryLock> lock;
  NodeFiles files;
};

base::Result<Opened, CommandError> open(const std::string& file, sqlite::FileSystem& files) {
  auto config = read_cluster_config(file);
  if (!config) return base::fail(failed(config.error()));
  NodeSpec spec;
  spec.data_dir = data_directory(*config, file);
  spec.cluster_mode = true;
  spec.node_id = config->node_id;
  spec.cluster_id = config->cluster_id;
  spec.raft_addr = config->raft_addr;
  spec.initial_members = config->initial_members;
  if (!raft::LogStore::exists(files, spec.data_dir))
    return base::fail(failed(fmt::format("{} holds no data: there is nothing to go on with",
                                         spec.data_dir.string())));
  auto lock = DirectoryLock::try_acquire(spec.data_dir);
  if (!lock) return base::fail(failed(lock.error()));
  if (!*lock)
    return base::fail(failed(fmt::format("the node of {} is running: stop it first",
                                         spec.data_dir.string())));
  auto opened = open_node_files(files, spec, 0, [](const std::function<void()>&) {},
                                [](const std::string&) {});
  if (!opened) return base::fail(failed(opened.error()));
  return Opened{std::move(*config), std::move(*lock), std::move(*opened)};
}

void print_table(const Opened& node, const raft::Recovery& plan, const std::string& file, bool done,
                 cli::Io& io) {
  io.out << fmt::format(
      "Node {} of cluster {} {} its only member, in epoch {} (now {}).\n"
      "Kept:  everything in its log, up to entry {} of term {} ({} were known to be committed).\n"
      "       On its disk is the state as of entry {}, digest {}.\n"
      "Lost:  what the others acknowledged and this node never received. If another node\n"
      "       survived whose log goes further (a greater term, or the same term and a greater\n"
      "       entry), recover that one instead.\n",
      node.config.node_id, node.config.cluster_id, done ? "is now" : "would become",
      plan.after.epoch, plan.before.epoch, plan.log_end.index.value(), plan.log_end.term.value(),
      plan.known_committed.value(), node.files.durable.applied.last.index.value(),
      api::digest_text(node.files.state_machine.counters().digest));
  io.out << "Given up members (refused if they come back; wipe them and add them anew):\n";
  for (const raft::NodeId id : plan.dropped)
    io.out << fmt::format("  {}  {}\n", id.value(), plan.before.members.at(id).address);
  if (plan.dropped.empty()) io.out << "  none\n";
  if (done)
    io.out << fmt::format("\nStart it with:\n  ipam server --cluster --config {}\n", file);
  else
    io.out << "\nNothing was changed. To do it, run the command again with --yes.\n";
}

void print_json(const Opened& node, const raft::Recovery& plan, bool done, cli::Io& io) {
  boost::json::array dropped;
  for (const raft::NodeId id : plan.dropped)
    dropped.push_back(boost::json::object{{"node_id", id.value()},
                                          {"addr", plan.before.members.at(id).address}});
  const boost::json::object text{{"node_id", node.config.node_id},
                                 {"cluster_id", node.config.cluster_id},
                                 {"epoch", plan.after.epoch},
                                 {"log_index", plan.log_end.index.value()},
                                 {"log_term", plan.log_end.term.value()},
                                 {"known_committed", plan.known_committed.value()},
                                 {"applied_index", node.files.durable.applied.last.index.value()},
                                 {"digest", api::digest_text(
                                                node.files.state_machine.counters().digest)},
                                 {"dropped", std::move(dropped)},
                                 {"done", done}};
  io.out << boost::json::serialize(text) << '\n';
}

base::Result<base::Ok, CommandError> recover(const cli::Arguments& arguments, cli::Io& io) {
  const auto file = arguments.get("config");
  if (!file) return base::fail(usage("'ipam cluster recover' needs --config"));
  sqlite::PosixFileSystem files;
  auto node = open(*file, files);
  if (!node) return base::fail(node.error());
  const auto plan = raft::plan_recovery(node->files.durable, raft::NodeId(node->config.node_id));
  if (!plan)
    return base::fail(failed(fmt::format("node {} is no member of the cluster as far as it knows: "
                                         "recover one that is", node->config.node_id)));
  const bool done = arguments.has("yes");
  try {
    if (done) node->files.log_store->persist(plan->batch);
  } catch (const raft::StorageFailure& failure) {
    return base::fail(failed(failure.what()));
  }
  if (arguments.get("output") == "json")
    print_json(*node, *plan, done, io);
  else
    print_table(*node, *plan, *file, done, io);
  return base::Ok();
}

}  // namespace

cli::CommandSpec recover_spec() {
  return {"cluster recover",
          "Go on with this node alone, after a majority of the members was lost for good.",
          {},
          {{"config", 0, "FILE", "cluster.json of the node; required. It must not be running"},
           {"yes", 0, "", "do it; without, only say what would happen"}},
          {"ipam cluster recover --config node2-data/cluster.json",
           "ipam cluster recover --config node2-data/cluster.json --yes"}};
}

int cluster_recover(const std::vector<std::string>& args, cli::Io& io) {
  return cli::run_foreign(recover_spec(), args, io, [&io](const cli::Arguments& arguments) {
    return recover(arguments, io);
  });
}

}  // namespace server
