#include "script.hpp"

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "describe.hpp"
#include "raft/core/node.hpp"

namespace golden {

namespace {

using raft::Index;
using raft::NodeId;
using raft::Term;

// A core with a disk that forgets nothing and a list of what was applied.
struct Node {
  std::unique_ptr<raft::RaftCore> core;
  raft::DurableState disk;
  std::deque<raft::Ready> writing;
  std::vector<std::string> applied;
  bool manual = false;
};

class Runner {
 public:
  std::string run(const std::string& script);

 private:
  void step(std::istringstream& words, const std::string& verb);
  void begin(std::size_t count);
  void start(NodeId id);
  void turn(NodeId id);
  void persist_one(NodeId id);
  void write(Node& node, const raft::Ready& ready);
  void apply(NodeId id, Node& node, const raft::Ready& ready);
  void send(raft::Message message);
  void send_snapshot(NodeId from, NodeId to);
  void deliver(std::istringstream& words);
  void drop(std::istringstream& words);
  void expect(std::istringstream& words);
  void change(std::istringstream& words, const std::string& verb, NodeId id);
  template <class Result>
  void report(const Result& result) {
    if (!result) print("refused ({})", static_cast<int>(result.error()));
  }
  Node& node(NodeId id) {
    const auto it = nodes_.find(id);
    if (it == nodes_.end()) throw std::runtime_error("no such node");
    return it->second;
  }
  raft::RaftCore& core(NodeId id) {
    if (!node(id).core) throw std::runtime_error("the node is down");
    return *node(id).core;
  }
  NodeId read_id(std::istringstream& words) {
    std::uint64_t id = 0;
    if (!(words >> id)) throw std::runtime_error("a node is missing");
    return NodeId(id);
  }
  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    if (loud_) out_ += "  " + fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  std::map<NodeId, Node> nodes_;
  std::deque<raft::Message> in_flight_;
  std::map<NodeId, int> side_;  // of a partition
  std::size_t sent_ = 0;
  bool loud_ = true;
  std::string out_;
};

std::string Runner::run(const std::string& script) {
  std::istringstream lines(script);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.starts_with("  ")) continue;
    out_ += line + "\n";
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    try {
      step(words, verb);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(
          fmt::format("line {}: {}: {}\n{}", number, line, error.what(), out_));
    }
  }
  return out_;
}

void Runner::step(std::istringstream& words, const std::string& verb) {
  if (verb == "nodes") {
    std::size_t count = 0;
    words >> count;
    return begin(count);
  }
  if (verb == "deliver") return deliver(words);
  if (verb == "drop") return drop(words);
  if (verb == "expect") return expect(words);
  if (verb == "heal") return side_.clear();
  if (verb == "quiet" || verb == "loud") {
    loud_ = verb == "loud";
    return;
  }
  if (verb == "partition") {
    int side = 1;
    for (std::string word; words >> word;) {
      if (word == "|")
        ++side;
      else
        side_[NodeId(std::stoull(word))] = side;
    }
    return;
  }
  const NodeId id = read_id(words);
  if (verb == "waiting") {
    nodes_[id];
    return start(id);
  }
  if (verb == "manual" || verb == "auto") {
    node(id).manual = verb == "manual";
  } else if (verb == "log") {
    for (std::uint64_t term = 0; words >> term;)
      node(id).disk.entries.push_back({Index(node(id).disk.entries.size() + 1), Term(term),
                                       raft::EntryKind::command,
                                       base::share(fmt::format("t{}", term))});
    node(id).disk.hard_state.term = node(id).disk.entries.back().term;
    start(id);
  } else if (verb == "term") {
    std::uint64_t term = 0;
    words >> term;
    node(id).disk.hard_state.term = Term(term);
    start(id);
  } else if (verb == "crash") {
    node(id).core.reset();
    node(id).writing.clear();
  } else if (verb == "restart") {
    start(id);
  } else if (verb == "persist") {
    while (!node(id).writing.empty()) persist_one(id);
  } else {
    change(words, verb, id);
  }
  if (node(id).core) turn(id);
}

void Runner::change(std::istringstream& words, const std::string& verb, NodeId id) {
  std::string text;
  if (verb == "tick") {
    int count = 1;
    words >> count;
    for (int i = 0; i < count; ++i) core(id).tick(), turn(id);
  } else if (verb == "campaign") {
    const std::size_t before = sent_;
    for (int i = 0; i < 100 && sent_ == before; ++i) core(id).tick(), turn(id);
  } else if (verb == "propose") {
    words >> text;
    report(core(id).propose({base::share(text)}));
  } else if (verb == "add") {
    const NodeId member = read_id(words);
    report(core(id).add_member(member, fmt::format("node-{}", member.value())));
  } else if (verb == "remove") {
    report(core(id).remove_member(read_id(words)));
  } else if (verb == "transfer") {
    report(core(id).transfer_leader(read_id(words)));
  } else if (verb == "read") {
    std::uint64_t context = 0;
    words >> context;
    if (!core(id).read_index(context)) print("refused");
  } else if (verb == "compact") {
    std::uint64_t index = 0;
    words >> index;
    core(id).compact(Index(index));
  } else {
    throw std::runtime_error("unknown step");
  }
}

void Runner::begin(std::size_t count) {
  raft::Configuration configuration;
  for (std::uint64_t id = 1; id <= count; ++id)
    configuration.members[NodeId(id)] = {fmt::format("node-{}", id), true, false, false};
  for (std::uint64_t id = 1; id <= count; ++id) {
    nodes_[NodeId(id)].disk.applied.configuration = configuration;
    start(NodeId(id));
  }
}

void Runner::start(NodeId id) {
  raft::CoreOptions options;
  options.id = id;
  options.seed = id.value();
  Node& it = node(id);
  it.applied.clear();
  it.writing.clear();
  it.core = std::make_unique<raft::RaftCore>(options, it.disk);
}

// What the core wants is done at once, but what its disk may take its time for.
void Runner::turn(NodeId id) {
  Node& it = node(id);
  while (it.core && it.core->has_ready()) {
    raft::Ready ready = it.core->take_ready();
    for (raft::Message& message : ready.messages) send(std::move(message));
    if (ready.snapshot) {
      print("{} installs the snapshot as of {}", id.value(), ready.snapshot->last.index.value());
      it.applied = {"snapshot"};
    }
    apply(id, it, ready);
    const auto wanted = ready.snapshots_wanted;
    const bool removed = ready.removed;
    it.writing.push_back(std::move(ready));
    if (!it.manual) persist_one(id);
    for (const NodeId peer : wanted) send_snapshot(id, peer);
    if (removed) {
      print("{} stops: it is no member any more", id.value());
      while (!it.writing.empty()) persist_one(id);
      it.core.reset();
    }
  }
}

void Runner::apply(NodeId id, Node& it, const raft::Ready& ready) {
  for (const raft::Entry& entry : ready.committed) {
    print("{} applies {}", id.value(), describe(entry));
    if (entry.kind == raft::EntryKind::command) it.applied.push_back(*entry.data);
  }
  for (const raft::ReadState& read : ready.reads)
    print("{} read {} {}", id.value(), read.context,
          read.ok ? fmt::format("as of {}", read.index.value()) : "refused");
}

void Runner::persist_one(NodeId id) {
  Node& it = node(id);
  raft::Ready ready = std::move(it.writing.front());
  it.writing.pop_front();
  write(it, ready);
  if (ready.token && it.core) it.core->on_persisted(*ready.token);
  for (raft::Message& message : ready.messages_after_persist) {
    if (message.to != id)
      send(std::move(message));
    else if (it.core)
      it.core->step(message);
  }
}

void Runner::write(Node& it, const raft::Ready& ready) {
  raft::DurableState& disk = it.disk;
  if (ready.hard_state) disk.hard_state = *ready.hard_state;
  if (ready.snapshot) {
    disk.compacted = ready.snapshot->last;
    disk.applied = *ready.snapshot;
    disk.entries.clear();
  }
  if (!ready.entries.empty()) {
    disk.entries.resize(ready.entries.front().index - disk.compacted.index - 1);
    disk.entries.insert(disk.entries.end(), ready.entries.begin(), ready.entries.end());
  }
  if (ready.compacted) {
    disk.applied = {*ready.compacted, it.core->configuration_at(ready.compacted->index)};
    disk.entries.erase(disk.entries.begin(),
                       disk.entries.begin() + static_cast<std::ptrdiff_t>(
                                                  ready.compacted->index - disk.compacted.index));
    disk.compacted = *ready.compacted;
  }
}

void Runner::send(raft::Message message) {
  const bool cut = side_.contains(message.from) && side_.contains(message.to) &&
                   side_[message.from] != side_[message.to];
  ++sent_;
  print("{}{}", describe(message), cut ? " (lost)" : "");
  if (!cut) in_flight_.push_back(std::move(message));
}

void Runner::send_snapshot(NodeId from, NodeId to) {
  raft::RaftCore& leader = core(from);
  const raft::LogPosition last{leader.applied(), *leader.log().term_at(leader.applied())};
  send({from, to, leader.term(),
        raft::InstallSnapshot{{last, leader.configuration_at(last.index)},
                              leader.progress_id(to)}});
  leader.on_snapshot_sent(to, last.index, true);
}

void Runner::deliver(std::istringstream& words) {
  std::uint64_t from = 0, to = 0;
  std::size_t limit = 10'000;
  std::string word;
  while (words >> word) {
    if (const auto arrow = word.find("->"); arrow != std::string::npos) {
      from = std::stoull(word.substr(0, arrow));
      to = std::stoull(word.substr(arrow + 2));
    } else {
      limit = std::stoull(word);
    }
  }
  for (std::size_t i = 0; i < in_flight_.size() && limit > 0;) {
    const raft::Message message = in_flight_[i];
    if (from != 0 && (message.from != NodeId(from) || message.to != NodeId(to))) {
      ++i;
      continue;
    }
    in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(i));
    --limit;
    if (!nodes_.contains(message.to) || !node(message.to).core) continue;
    core(message.to).step(message);
    turn(message.to);
  }
}

void Runner::drop(std::istringstream& words) {
  std::string word;
  if (!(words >> word)) return in_flight_.clear();
  const auto arrow = word.find("->");
  const NodeId from(std::stoull(word.substr(0, arrow))), to(std::stoull(word.substr(arrow + 2)));
  std::erase_if(in_flight_,
                [&](const raft::Message& m) { return m.from == from && m.to == to; });
}

void Runner::expect(std::istringstream& words) {
  std::string what, wanted, found;
  words >> what;
  const NodeId id = read_id(words);
  std::getline(words >> std::ws, wanted);
  if (what == "leader") {
    if (!core(id).is_leader()) throw std::runtime_error("it does not lead");
    return;
  }
  if (what == "term") found = fmt::format("{}", core(id).term().value());
  if (what == "commit") found = fmt::format("{}", core(id).commit().value());
  if (what == "members") found = describe(core(id).configuration());
  if (what == "role") {
    constexpr const char* roles[] = {"follower", "pre-candidate", "candidate", "leader"};
    found = roles[static_cast<std::size_t>(core(id).role())];
  }
  if (what == "applied")
    for (const std::string& one : node(id).applied) found += (found.empty() ? "" : " ") + one;
  if (what == "log") {
    const raft::Log& log = core(id).log();
    for (Index index = log.first_index(); index <= log.last_index(); ++index)
      found += fmt::format("{}{}/{}", found.empty() ? "" : " ", index.value(),
                           log.term_at(index)->value());
  }
  if (found != wanted) throw std::runtime_error("it is " + found);
}

}  // namespace

std::string run_script(const std::string& script) { return Runner().run(script); }

}  // namespace golden
