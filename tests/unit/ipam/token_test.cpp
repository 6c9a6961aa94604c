// Tokens in the state machine: what they are, what a command that came with one may do.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <set>

#include "base/random.hpp"
#include "ipam/outcome_codec.hpp"
#include "ipam/state_machine.hpp"

using namespace ipam;

namespace {

base::Sha256 hash_of(std::string_view secret) { return base::sha256(secret); }

struct Machine {
  Applied apply(Command command) {
    now += 1000;
    return state.apply(Revision(++revision), now, command);
  }
  Outcome run(CommandBody body, TokenId token = {}) {
    return apply({.body = std::move(body), .token = token}).outcome;
  }
  TokenId make(std::string name, Role role = Role::editor, std::vector<VrfReference> vrfs = {}) {
    const Outcome outcome = run(CreateToken{name, role, std::move(vrfs), hash_of(name)});
    REQUIRE(std::holds_alternative<Token>(outcome));
    return std::get<Token>(outcome).id;
  }

  StateMachine state;
  std::uint64_t revision = 0;
  TimeMs now = 1'700'000'000'000;
};

CreateNetwork network_in(const Prefix& prefix, VrfReference vrf) {
  CreateNetwork command;
  command.prefix = prefix;
  command.vrf = std::move(vrf);
  return command;
}

Allocate allocation_in(std::variant<NetworkId, Prefix> network, VrfReference vrf = vrf_default) {
  Allocate command;
  command.network = network;
  command.vrf = std::move(vrf);
  return command;
}

CarveNetworks carved_from(NetworkId parent) {
  CarveNetworks command;
  command.parent = parent;
  command.prefix_length = 30;
  return command;
}

std::optional<ErrorCode> error_of(const Outcome& outcome) {
  const auto* error = std::get_if<Error>(&outcome);
  return error != nullptr ? std::optional(error->code) : std::nullopt;
}

}  // namespace

TEST_CASE("a token is found by id, name and hash until it is revoked, and then by none") {
  Machine m;
  const TokenId id = m.make("ci");
  CHECK(to_string(id) == "token-1");
  REQUIRE(m.state.token(id) != nullptr);
  CHECK(m.state.token(TokenReference("ci")) == m.state.token(id));
  CHECK(m.state.token_of(hash_of("ci")) == m.state.token(id));
  CHECK(m.state.token_of(hash_of("other")) == nullptr);
  CHECK(error_of(m.run(CreateToken{"ci", Role::viewer, {}, hash_of("x")})) ==
        ErrorCode::token_exists);
  CHECK(error_of(m.run(CreateToken{"cd", Role::viewer, {}, hash_of("ci")})) ==
        ErrorCode::invalid_argument);
  CHECK(error_of(m.run(CreateToken{"cd", Role::viewer, {VrfReference("no")}, hash_of("x")})) ==
        ErrorCode::vrf_not_found);
  const Applied revoked = m.apply({.actor = "root", .body = RevokeToken{"ci"}});
  REQUIRE(revoked.changes.size() == 2);
  CHECK(std::get<TokenRevoked>(revoked.changes[0]).id == id);
  const AuditEntry& entry = std::get<AuditAppended>(revoked.changes[1]).entry;
  CHECK(entry.action == "token_revoked");
  CHECK(entry.details == "Revoked token ci (editor)");
  CHECK(entry.user == "root");
  CHECK(m.state.token(id) == nullptr);
  CHECK(m.state.token_of(hash_of("ci")) == nullptr);
  CHECK(error_of(m.run(RevokeToken{id})) == ErrorCode::token_not_found);
  CHECK(m.make("ci") == TokenId(2));  // ids are never used again
}

TEST_CASE("what is no token is refused whatever the state is") {
  Machine m;
  for (CreateToken wrong : {CreateToken{"", Role::viewer, {}, {}},
                            CreateToken{"system", Role::viewer, {}, {}},
                            CreateToken{"token-7", Role::viewer, {}, {}},
                            CreateToken{std::string(129, 'x'), Role::viewer, {}, {}},
                            CreateToken{"a", Role::admin, {VrfReference(vrf_default)}, {}},
                            CreateToken{"a", Role::viewer, {}, {}, 0, {}},
                            CreateToken{"a", Role::viewer, {}, {}, 60, m.now + 60'000},
                            CreateToken{"a", Role::viewer, {}, {}, {}, m.now - 60'000},
                            CreateToken{"a", Role::viewer, {}, {}, {}, -1}})
    CHECK(error_of(m.run(wrong)) == ErrorCode::invalid_argument);
  for (std::size_t i = 0; i < tokens_max; ++i) m.make(fmt::format("t{}", i));
  CHECK(error_of(m.run(CreateToken{"more", Role::viewer, {}, hash_of("more")})) ==
        ErrorCode::too_many_tokens);
}

TEST_CASE("a command with a token that was revoked or has expired changes nothing") {
  Machine m;
  const TokenId revoked = m.make("revoked");
  const TokenId valid = m.make("valid");
  const Outcome made =
      m.run(CreateToken{"short", Role::editor, {}, hash_of("short"), std::uint64_t{10}, {}});
  const TokenId expiring = std::get<Token>(made).id;
  CHECK(error_of(m.run(CreateVrf{"a", ""}, expiring)) == std::nullopt);
  m.run(RevokeToken{revoked});
  m.now += 10'000;
  for (const TokenId id : {revoked, expiring, TokenId(77)}) {
    const std::size_t keys_before = m.state.counters().next_audit;
    Command command{.body = CreateVrf{"b", ""}, .token = id};
    command.idempotency = {"key", 1, 100};
    CHECK(error_of(m.apply(command).outcome) == ErrorCode::unauthenticated);
    CHECK(error_of(m.state.preview(Revision(900), m.now, command)) == ErrorCode::unauthenticated);
    CHECK(m.state.counters().next_audit == keys_before);
  }
  // Nothing is kept under the key: it is free for who comes with another token.
  Command command{.body = CreateVrf{"b", ""}, .token = valid};
  command.idempotency = {"key", 1, 100};
  CHECK(error_of(m.apply(command).outcome) == std::nullopt);
  // Its own token may be what a command revokes.
  CHECK(error_of(m.run(RevokeToken{valid}, valid)) == std::nullopt);
}

TEST_CASE("the use of tokens is noted without a word in the audit log") {
  Machine m;
  const TokenId id = m.make("ci");
  CHECK_FALSE(m.state.token(id)->last_used_at);
  const Applied touched = m.apply({.body = TouchTokens{{id, TokenId(9)}}});
  REQUIRE(touched.changes.size() == 1);
  CHECK(std::get<TokenPut>(touched.changes[0]).token == *m.state.token(id));
  CHECK(m.state.token(id)->last_used_at == m.now);
}

TEST_CASE("a preview leaves the tokens as they were") {
  Machine m;
  m.make("ci");
  const std::uint64_t digest = m.state.digest();
  for (const CommandBody& body :
       {CommandBody(CreateToken{"new", Role::viewer, {}, hash_of("new")}),
        CommandBody(RevokeToken{"ci"}), CommandBody(TouchTokens{{TokenId(1)}})}) {
    CHECK_FALSE(error_of(m.state.preview(Revision(50), m.now + 5000, {.body = body})));
    CHECK(m.state.digest() == digest);
  }
}

TEST_CASE("random tokens: as in a map, on every machine alike, and the same when loaded") {
  const std::uint64_t seed = 11;
  CAPTURE(seed);
  base::Random random(seed);
  Machine m;
  std::map<std::string, TokenId> naive;
  std::map<TokenId, Token> stored;
  for (int round = 0; round < 3000; ++round) {
    CAPTURE(round);
    const std::string name = fmt::format("n{}", random.below(12));
    const bool is_there = naive.count(name) > 0;
    CommandBody body = RevokeToken{name};
    if (random.chance(50))
      body = CreateToken{name, static_cast<Role>(random.between(1, 2)),
                         random.chance(50) ? std::vector<VrfReference>{vrf_default}
                                           : std::vector<VrfReference>{},
                         hash_of(fmt::format("{}", round))};
    if (random.chance(20) && is_there) body = TouchTokens{{naive.at(name)}};
    const Applied applied = m.apply({.body = body});
    for (const Change& change : applied.changes) {
      if (const auto* put = std::get_if<TokenPut>(&change)) stored[put->token.id] = put->token;
      if (const auto* gone = std::get_if<TokenRevoked>(&change))
        REQUIRE(stored.erase(gone->id) == 1);
    }
    if (std::holds_alternative<CreateToken>(body)) {
      REQUIRE(error_of(applied.outcome) ==
              (is_there ? std::optional(ErrorCode::token_exists) : std::nullopt));
      if (is_there) continue;
      naive[name] = std::get<Token>(applied.outcome).id;
      REQUIRE(decode_outcome(encode_outcome(applied.outcome)) == applied.outcome);
    } else if (std::holds_alternative<RevokeToken>(body)) {
      REQUIRE(error_of(applied.outcome) ==
              (is_there ? std::nullopt : std::optional(ErrorCode::token_not_found)));
      naive.erase(name);
    }
    REQUIRE(stored.size() == naive.size());
    if (round % 100 != 0) continue;
    StateMachine loaded;
    loaded.load_counters(m.state.counters());
    for (const auto& [id, token] : stored) {
      loaded.load_token(token);
      REQUIRE(m.state.token_of(token.hash) == m.state.token(id));
    }
    REQUIRE(loaded.digest() == m.state.digest());
  }
}

TEST_CASE("the digest sees every field of a token") {
  std::set<std::uint64_t> digests;
  const auto add = [&](auto change) {
    Token token{TokenId(1), "a", Role::viewer, {VrfId(1)}, {}, 0, {}, {}, Revision(1)};
    change(token);
    StateMachine machine;
    machine.load_token(token);
    CHECK(digests.insert(machine.digest()).second);
  };
  add([](Token&) {});
  add([](Token& t) { t.id = TokenId(2); });
  add([](Token& t) { t.name = "b"; });
  add([](Token& t) { t.role = Role::editor; });
  add([](Token& t) { t.vrfs = {}; });
  add([](Token& t) { t.vrfs = {VrfId(2)}; });
  add([](Token& t) { t.hash[31] = 1; });
  add([](Token& t) { t.created_at = 1; });
  add([](Token& t) { t.expires_at = 0; });
  add([](Token& t) { t.last_used_at = 0; });
  add([](Token& t) { t.revision = Revision(2); });
}

TEST_CASE("whatever comes with a token of one VRF, the others stay as they are") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    base::Random random(seed);
    Machine m;
    m.run(CreateVrf{"blue", ""});  // vrf-2
    const VrfId blue(2);
    for (int i = 0; i < 4; ++i) {
      const Prefix prefix = *parse_prefix(fmt::format("10.0.{}.0/28", i));
      m.run(network_in(prefix, blue));
      m.run(network_in(prefix, vrf_default));
    }
    for (int i = 0; i < 12; ++i)
      m.run(allocation_in(NetworkId(1 + random.below(8))));
    const TokenId token = m.make("limited", Role::editor, {VrfReference("blue")});
    const auto of_others = [&] {
      std::string text;
      m.state.for_each_vrf([&](const Vrf& vrf) {
        text += fmt::format("{} {} {};", vrf.name, vrf.description, vrf.revision.value());
      });
      m.state.for_each_network([&](const Network& network) {
        if (network.vrf != blue)
          text += fmt::format("{} {};", network.id.value(), network.revision.value());
      });
      m.state.for_each_allocation([&](const Allocation& allocation) {
        if (m.state.network(allocation.network_id)->vrf != blue)
          text += fmt::format("{} {};", allocation.id.value(), allocation.revision.value());
      });
      m.state.for_each_token([&](const Token& one) { text += one.name; });
      return text;
    };
    const auto draw = [&]() -> CommandBody {
      const NetworkId network(random.between(1, 9));
      const AllocationId allocation(random.between(1, 30));
      VrfReference vrf = VrfId(random.between(1, 3));
      if (random.chance(50)) vrf = random.chance(50) ? "blue" : "default";
      const Prefix prefix = *parse_prefix(fmt::format("10.0.{}.0/28", random.below(7)));
      switch (random.below(12)) {
        case 0: return network_in(prefix, vrf);
        case 1: return DeleteNetwork{network};
        case 2: return UpdateNetwork{.id = network, .description = "changed"};
        case 3: return carved_from(network);
        case 4: return allocation_in(network);
        case 5: return allocation_in(prefix, vrf);
        case 6: return Release{allocation};
        case 7: return UpdateAllocation{.id = allocation, .hostname = "changed"};
        case 8: return RenewLease{allocation, 60, {}};
        case 9: return UpdateVrf{vrf, std::nullopt, "changed"};
        case 10: return CreateVrf{"red", ""};
        default: return DeleteVrf{vrf};
      }
    };
    int done = 0;
    for (int round = 0; round < 600; ++round) {
      CAPTURE(round);
      CommandBody body = draw();
      if (random.chance(20)) {
        Transaction transaction;
        for (int i = 0; i < 2; ++i) transaction.operations.push_back({draw(), {}});
        body = std::move(transaction);
      } else if (random.chance(20)) {
        Import import{.rows = {}, .on_conflict = static_cast<OnConflict>(random.between(1, 3))};
        AllocateOptions options;
        options.ip = parse_address(fmt::format("10.0.0.{}", random.between(1, 14)));
        const VrfReference vrf = VrfId(random.between(1, 2));
        Allocate row = allocation_in(NetworkId(), vrf);
        row.hostname = "row";
        row.options = options;
        import.rows.push_back({std::move(row), {}});
        import.rows.push_back({CreateVrf{"green", ""}, {}});
        import.rows.push_back({CreateVrf{"blue", "changed"}, {}});
        body = std::move(import);
      }
      const std::string before = of_others();
      const Outcome outcome = m.run(body, token);
      done += std::holds_alternative<Error>(outcome) ? 0 : 1;
      REQUIRE(of_others() == before);
    }
    CHECK(done > 50);
    for (const CommandBody& body :
         {CommandBody(CreateVrf{"red", ""}), CommandBody(RevokeToken{token}),
          CommandBody(CreateToken{"x", Role::admin, {}, hash_of("x")})})
      CHECK(error_of(m.run(body, token)) == ErrorCode::forbidden);
  }
}
