#include "raft/transport/transport.hpp"

#include <ctime>

#include "raft/transport/codec.hpp"
#include "test_node.hpp"

using namespace raft;
using namespace raft::test;

namespace {

// Wall time and processor time of both ends together: the second is what a busy machine leaves.
struct Stopwatch {
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  std::clock_t processor_start = std::clock();

  std::string rate(double count, double bytes) const {
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    const double processor = static_cast<double>(std::clock() - processor_start) / CLOCKS_PER_SEC;
    return fmt::format(
        "{:.0f} messages and {:.0f} MB a second, {:.0f} messages and {:.0f} MB a processor second",
        count / wall.count(), bytes / wall.count() / 1e6, count / processor,
        bytes / processor / 1e6);
  }
};

Message append(NodeId from, NodeId to, std::uint64_t index, base::SharedBytes data) {
  AppendEntries body;
  body.previous.index = Index{index - 1};
  body.entries.push_back({Index{index}, Term{1}, EntryKind::command, std::move(data)});
  return {from, to, Term{1}, std::move(body)};
}

struct Fixture {
  asio::io_context io;
  base::Logger logger{base::LogLevel::off, base::LogFormat::text};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "two nodes exchange messages in order and without loss") {
  constexpr std::uint64_t count = 100000;
  TestNode one(io, logger, 1), two(io, logger, 2);
  introduce({&one, &two});
  REQUIRE(connect(io, one, two));
  REQUIRE(connect(io, two, one));
  one.received.reserve(count);
  two.received.reserve(count);
  std::uint64_t from_one = 0, from_two = 0;
  const Stopwatch stopwatch;
  REQUIRE(run_until(io, [&] {
    while (from_one < count && one.send(2, from_one)) ++from_one;
    while (from_two < count && two.send(1, from_two)) ++from_two;
    return one.received.size() == count && two.received.size() == count;
  }));
  const std::string rate = stopwatch.rate(2 * count, 2 * count * 36.0);
  for (std::uint64_t i = 0; i < count; ++i)
    if (one.context(i) != i || two.context(i) != i) FAIL("out of order at ", i);
  CHECK(one.lost.empty());
  CHECK(two.lost.empty());
  MESSAGE("small messages, both ways: ", rate);
}

TEST_CASE_FIXTURE(Fixture, "three nodes exchange messages in order and without loss") {
  constexpr std::uint64_t count = 20000;
  TestNode one(io, logger, 1), two(io, logger, 2), three(io, logger, 3);
  const std::vector<TestNode*> nodes{&one, &two, &three};
  introduce(nodes);
  std::map<std::pair<NodeId, NodeId>, std::uint64_t> sent, seen;
  for (TestNode* node : nodes)
    for (TestNode* other : nodes)
      if (node != other) REQUIRE(connect(io, *node, *other));
  for (TestNode* node : nodes) {
    node->received.clear();
    node->on_message = [&seen, node](const Message& message) {
      std::uint64_t& next = seen[{message.from, node->id}];
      CHECK(std::get<ReadIndexRequest>(message.body).context == next);
      ++next;
    };
  }
  REQUIRE(run_until(io, [&] {
    bool all = true;
    for (TestNode* node : nodes)
      for (TestNode* other : nodes) {
        if (node == other) continue;
        std::uint64_t& next = sent[{node->id, other->id}];
        while (next < count && node->send(other->id.value(), next)) ++next;
        all = all && seen[{node->id, other->id}] == count;
      }
    return all;
  }));
}

TEST_CASE_FIXTURE(Fixture, "entries of a kilobyte move in bulk") {
  constexpr std::uint64_t count = 100000;
  TestNode one(io, logger, 1), two(io, logger, 2);
  introduce({&one, &two});
  REQUIRE(connect(io, one, two));
  const base::SharedBytes data = base::share(base::Bytes(1024, 'x'));
  std::uint64_t sent = 0, received = 0;
  two.on_message = [&](const Message& message) {
    CHECK(std::get<AppendEntries>(message.body).entries[0].index == Index{++received});
    two.received.clear();
  };
  const Stopwatch stopwatch;
  REQUIRE(run_until(io, [&] {
    while (sent < count && one.send(append(one.id, two.id, sent + 1, data))) ++sent;
    return received == count;
  }));
  const std::string rate = stopwatch.rate(count, count * 1024.0);
  MESSAGE("entries of 1 KiB, one way: ", rate);
}

TEST_CASE_FIXTURE(Fixture, "the largest messages arrive whole") {
  TestNode one(io, logger, 1), two(io, logger, 2);
  introduce({&one, &two});
  REQUIRE(connect(io, one, two));
  const base::SharedBytes data = base::share(base::Bytes(data_bytes_max, 'y'));
  for (std::uint64_t i = 1; i <= 3; ++i)
    REQUIRE(one.send(append(one.id, two.id, i, data)));
  REQUIRE(run_until(io, [&] { return two.received.size() == 3; }));
  for (const Message& message : two.received)
    CHECK(*std::get<AppendEntries>(message.body).entries[0].data == *data);
  const base::SharedBytes too_large = base::share(base::Bytes(data_bytes_max + 1, 'y'));
  CHECK_FALSE(one.send(append(one.id, two.id, 4, too_large)));
  REQUIRE(connect(io, one, two));  // and the connection is as good as before
}

TEST_CASE_FIXTURE(Fixture, "a full queue drops, and says so") {
  TransportLimits limits = fast_limits();
  limits.queue_messages_max = 100;
  limits.queue_bytes_max = 100000;
  TestNode one(io, logger, 1, 0, limits), two(io, logger, 2);
  introduce({&one, &two});
  REQUIRE(connect(io, one, two));
  std::uint64_t accepted = 0;
  while (one.send(2, accepted)) ++accepted;
  CHECK(accepted >= 99);  // a sign of life may be on its way
  CHECK(accepted <= 100);
  REQUIRE(run_until(io, [&] { return two.received.size() == accepted; }));
  for (std::uint64_t i = 0; i < accepted; ++i) CHECK(two.context(i) == i);
  two.received.clear();
  const base::SharedBytes data = base::share(base::Bytes(30000, 'z'));
  accepted = 0;
  REQUIRE(run_until(io, [&] { return one.send(2, 0); }));
  while (one.send(append(one.id, two.id, accepted + 1, data))) ++accepted;
  CHECK(accepted == 3);
  REQUIRE(run_until(io, [&] { return two.received.size() == accepted + 1; }));
}

TEST_CASE_FIXTURE(Fixture, "send is false without a connection and for strangers") {
  TestNode one(io, logger, 1);
  CHECK_FALSE(one.send(2, 0));
  one.transport->set_peers({{NodeId{2}, "127.0.0.1:1"}});
  CHECK_FALSE(one.send(2, 0));
  one.transport->close();
  CHECK_FALSE(one.send(2, 0));
}

TEST_CASE_FIXTURE(Fixture, "a node that is made anew is connected to again, both ways") {
  TestNode one(io, logger, 1);
  const std::uint16_t port = free_port(io);
  for (int life = 0; life < 5; ++life) {
    TestNode two(io, logger, 2, port);
    introduce({&one, &two});
    REQUIRE(connect(io, one, two));
    REQUIRE(connect(io, two, one));
    CHECK(one.lost.size() == static_cast<std::size_t>(life));
    two.transport.reset();
    REQUIRE(run_until(io, [&] { return one.lost.size() == static_cast<std::size_t>(life) + 1; }));
    CHECK(one.lost.back() == NodeId{2});
    REQUIRE(run_until(io, [&] { return !one.send(2, 0); }));
  }
}

TEST_CASE_FIXTURE(Fixture, "a newer connection of a node replaces the older without a disconnect") {
  TransportLimits patient;  // the replaced one does not come back in this test
  patient.reconnect_delay_min = patient.reconnect_delay_max = 60s;
  TestNode one(io, logger, 1);
  TestNode two(io, logger, 2, 0, patient), two_again(io, logger, 2);
  two.transport->set_peers({{one.id, one.address}});
  REQUIRE(connect(io, two, one));
  two_again.transport->set_peers({{one.id, one.address}});
  REQUIRE(connect(io, two_again, one));
  CHECK(one.lost.empty());
  two_again.transport.reset();
  REQUIRE(run_until(io, [&] { return !one.lost.empty(); }));
  CHECK(one.lost == std::vector<NodeId>{NodeId{2}});
}

TEST_CASE_FIXTURE(Fixture, "an unknown dialer is answered at the address of its handshake") {
  TestNode one(io, logger, 1), two(io, logger, 2);
  two.transport->set_peers({{one.id, one.address}});  // node 1 knows nobody
  one.on_message = [&](const Message&) { one.send(2, 42); };
  REQUIRE(run_until(io, [&] {
    two.send(1, 1);
    return !two.received.empty();
  }));
  CHECK(two.context(0) == 42);
  two.transport.reset();  // and forgotten when it hangs up
  REQUIRE(run_until(io, [&] { return one.lost.size() == 1; }));
  CHECK_FALSE(one.send(2, 0));
  one.transport->close();
  CHECK(ends_by_itself(io));
}

TEST_CASE_FIXTURE(Fixture, "a learned peer that moves is dialled at its new address") {
  TestNode one(io, logger, 1), two(io, logger, 2), moved(io, logger, 2);
  two.transport->set_peers({{one.id, one.address}});
  REQUIRE(connect(io, one, two));
  moved.transport->set_peers({{one.id, one.address}});  // and replaces the older connection
  two.transport->close();
  REQUIRE(run_until(io, [&] {
    one.send(2, 0);  // the first may still go to the older
    return !moved.received.empty();
  }));
}

TEST_CASE_FIXTURE(Fixture, "a learned peer retires when idle and is dialled again when needed") {
  TransportLimits limits = fast_limits();
  limits.learned_idle_timeout = 1ms;
  TestNode one(io, logger, 1, 0, limits), two(io, logger, 2);
  two.transport->set_peers({{one.id, one.address}});
  REQUIRE(run_until(io, [&] { return one.send(2, 0); }));
  REQUIRE(run_until(io, [&] { return two.lost.size() == 1; }));  // node 1 hung up
  REQUIRE(run_until(io, [&] { return one.send(2, 7); }));
  REQUIRE(run_until(io, [&] { return two.received.size() == 2; }));
  CHECK(two.context(1) == 7);
}

TEST_CASE_FIXTURE(Fixture, "a removed peer that is still connected can be told") {
  TestNode one(io, logger, 1), two(io, logger, 2);
  introduce({&one, &two});
  REQUIRE(connect(io, one, two));
  REQUIRE(connect(io, two, one));
  one.transport->set_peers({});
  CHECK(one.send({one.id, two.id, Term{1}, NotMember{{Index{5}, Term{1}}}}));
  REQUIRE(run_until(io, [&] { return !two.received.empty(); }));
  CHECK(std::holds_alternative<NotMember>(two.received[0].body));
  two.transport->set_peers({});
  REQUIRE(run_until(io, [&] {
    two.send(1, 0);
    return !one.received.empty();
  }));
}

TEST_CASE_FIXTURE(Fixture, "a removed peer that is not connected is forgotten") {
  TestNode one(io, logger, 1), two(io, logger, 2);
  one.transport->set_peers({{two.id, two.address}});
  two.on_message = [&](const Message&) { two.transport->set_peers({}); };
  REQUIRE(connect(io, one, two));
  one.transport->set_peers({});
  two.transport->close();
  one.transport->close();
  CHECK(ends_by_itself(io));
}

TEST_CASE_FIXTURE(Fixture, "a peer whose address changes is dialled at the new one") {
  TestNode one(io, logger, 1), two(io, logger, 2), moved(io, logger, 2);
  one.transport->set_peers({{two.id, two.address}});
  REQUIRE(connect(io, one, two));
  one.transport->set_peers({{two.id, moved.address}});
  REQUIRE(connect(io, one, moved));
  REQUIRE(run_until(io, [&] { return two.lost.size() == 1; }));
}

TEST_CASE_FIXTURE(Fixture, "callbacks may send, change the peers, close and destroy") {
  TestNode one(io, logger, 1), two(io, logger, 2);
  introduce({&one, &two});
  REQUIRE(connect(io, one, two));
  REQUIRE(connect(io, two, one));
  SUBCASE("close in on_message ends delivery at once") {
    one.on_message = [&](const Message&) { one.transport->close(); };
  }
  SUBCASE("destroy in on_message") {
    one.on_message = [&](const Message&) { one.transport.reset(); };
  }
  SUBCASE("destroy after sending and a change of peers") {
    one.on_message = [&](const Message&) {
      one.send(2, 1);
      one.transport->set_peers({});
      one.transport->set_peers({{two.id, two.address}});
      one.transport.reset();
    };
  }
  for (std::uint64_t i = 0; i < 10; ++i) CHECK(two.send(1, i));
  REQUIRE(run_until(io, [&] { return two.lost.size() == 1; }));
  CHECK(one.received.size() == 1);
  two.on_disconnect = [&](NodeId) { two.transport.reset(); };
  two.transport->close();
  CHECK(ends_by_itself(io));
}

TEST_CASE_FIXTURE(Fixture, "destroying in on_disconnect leaves nothing running") {
  TestNode one(io, logger, 1), two(io, logger, 2);
  introduce({&one, &two});
  REQUIRE(connect(io, one, two));
  REQUIRE(connect(io, two, one));
  one.on_disconnect = [&](NodeId) { one.transport.reset(); };
  two.transport.reset();
  CHECK(ends_by_itself(io));
  CHECK(one.transport == nullptr);
}

TEST_CASE_FIXTURE(Fixture, "close leaves no work behind, whatever was going on") {
  {
    TestNode idle(io, logger, 1), dialling(io, logger, 2), sending(io, logger, 3);
    introduce({&idle, &sending});
    dialling.transport->set_peers({{NodeId{7}, "127.0.0.1:1"},       // refused
                                   {NodeId{8}, "192.0.2.1:9"},       // no answer (RFC 5737)
                                   {NodeId{9}, "localhost:1"},       // resolved first
                                   {NodeId{10}, "no port"}});
    REQUIRE(connect(io, sending, idle));
    const base::SharedBytes data = base::share(base::Bytes(1u << 20, 'x'));
    std::uint64_t sent = 0;
    while (sending.send(append(sending.id, idle.id, sent + 1, data))) ++sent;
    CHECK(sent > 10);
    for (int i = 0; i < 20; ++i) io.poll_one();
    for (TestNode* node : {&idle, &dialling, &sending}) node->transport->close();
    CHECK(ends_by_itself(io));
  }
}

TEST_CASE_FIXTURE(Fixture, "an io_context may be destroyed with everything still open") {
  auto own = std::make_unique<asio::io_context>();
  auto one = std::make_unique<TestNode>(*own, logger, 1);
  auto two = std::make_unique<TestNode>(*own, logger, 2);
  introduce({one.get(), two.get()});
  REQUIRE(connect(*own, *one, *two));
  one.reset();
  two.reset();
  own.reset();
}

TEST_CASE_FIXTURE(Fixture, "listen says what is wrong") {
  const TransportEvents none{[](Message) {}, [](NodeId) {}};
  TestNode taken(io, logger, 1);
  Transport other(io, logger, handshake_of(2), none);
  const auto in_use = other.listen(taken.address);
  REQUIRE_FALSE(in_use.ok());
  CHECK(in_use.error() == "cannot listen on " + taken.address +
                              ": address already in use; is another node running?");
  CHECK(other.port() == 0);
  Transport bad(io, logger, handshake_of(3), none);
  const auto no_port = bad.listen("localhost");
  REQUIRE_FALSE(no_port.ok());
  CHECK(no_port.error() == "cannot listen on localhost: it is not a host:port");
}

TEST_CASE_FIXTURE(Fixture, "listen takes a local address, or all where the name leads elsewhere") {
  for (const std::string address :
       {"127.0.0.1:0", "localhost:0", "192.0.2.1:0", "no.such.invalid:0"}) {
    CAPTURE(address);
    TestNode one(io, logger, 1);
    TestNode two(io, logger, 2);
    TransportEvents events{[&](Message message) { two.received.push_back(std::move(message)); },
                           [](NodeId) {}};
    two.transport = std::make_unique<Transport>(io, logger, handshake_of(2), std::move(events));
    const auto listening = two.transport->listen(address);
    const std::string failure = listening.ok() ? "" : listening.error();
    REQUIRE(failure == "");
    REQUIRE(two.transport->port() != 0);
    two.address = "127.0.0.1:" + std::to_string(two.transport->port());
    one.transport->set_peers({{two.id, two.address}});
    CHECK(connect(io, one, two));
  }
}
