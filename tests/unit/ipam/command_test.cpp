#include <doctest/doctest.h>

#include "base/random.hpp"
#include "ipam/command.hpp"

namespace {

using namespace ipam;

std::string random_text(base::Random& random) {
  std::string text(random.below(random.chance(5) ? 300 : 12), '\0');
  for (char& c : text) c = static_cast<char>(random.next());
  return text;
}

std::vector<std::string> random_tags(base::Random& random) {
  std::vector<std::string> tags(random.below(4));
  for (auto& tag : tags) tag = random_text(random);
  return tags;
}

Prefix random_prefix(base::Random& random) {
  Prefix prefix;
  prefix.base.family = random.chance(50) ? Family::ipv4 : Family::ipv6;
  const int bits = bits_of(prefix.base.family);
  prefix.length = static_cast<int>(random.below(static_cast<std::uint64_t>(bits) + 1));
  prefix.base.value = static_cast<U128>(random.next()) << 64 | random.next();
  prefix.base.value &= prefix.mask();
  return prefix;
}

std::uint64_t random_number(base::Random& random) { return random.next() >> random.below(64); }

Metadata random_metadata(base::Random& random) {
  Metadata metadata;
  for (std::uint64_t left = random.below(3); left > 0; --left)
    metadata[random_text(random)] = random_text(random);
  return metadata;
}

Address random_address(base::Random& random) { return random_prefix(random).base; }

VrfReference random_vrf(base::Random& random) {
  if (random.chance(50)) return VrfId(random_number(random));
  return random_text(random);
}

AllocateOptions random_options(base::Random& random) {
  AllocateOptions options;
  if (random.chance(50)) options.ip = random_address(random);
  options.force = random.chance(50);
  if (random.chance(50)) options.range_start = random_address(random);
  if (random.chance(50)) options.range_end = random_address(random);
  for (std::uint64_t left = random.below(3); left > 0; --left)
    options.exclude.push_back({random_address(random), random_address(random)});
  options.align = random_number(random);
  options.scattered = random.chance(50);
  if (random.chance(50)) options.strategy = static_cast<Strategy>(random.between(1, 5));
  options.unique_hostname = random.chance(50);
  options.owner = random_text(random);
  options.metadata = random_metadata(random);
  return options;
}

NetworkExtras random_extras(base::Random& random) {
  NetworkExtras extras;
  if (random.chance(30)) return extras;
  extras.status = static_cast<NetworkStatus>(random.between(1, 4));
  extras.strategy = static_cast<Strategy>(random.between(1, 4));
  if (random.chance(50)) extras.gateway = random_address(random);
  extras.threshold_percent = static_cast<std::uint32_t>(random_number(random));
  extras.metadata = random_metadata(random);
  return extras;
}

MetadataPatch random_patch(base::Random& random) {
  MetadataPatch patch{random.chance(50), {}};
  for (std::uint64_t left = random.below(3); left > 0; --left) {
    auto& entry = patch.entries[random_text(random)];
    if (random.chance(50)) entry = random_text(random);
  }
  return patch;
}

UpdateNetwork random_network_update(base::Random& random) {
  UpdateNetwork update{.id = NetworkId(random_number(random))};
  const NetworkExtras extras = random_extras(random);
  if (random.chance(50)) update.description = random_text(random);
  if (random.chance(50)) update.tags = random_tags(random);
  if (random.chance(50)) update.status = extras.status;
  if (random.chance(50)) update.strategy = extras.strategy;
  if (random.chance(50)) update.gateway = extras.gateway;
  if (random.chance(50))
    update.quarantine_seconds = static_cast<std::uint32_t>(random_number(random));
  if (random.chance(50)) update.threshold_percent = extras.threshold_percent;
  if (random.chance(50)) update.metadata = random_patch(random);
  if (random.chance(30)) update.prefix = random_prefix(random);
  return update;
}

MergeNetworks random_merge(base::Random& random) {
  MergeNetworks merge;
  for (std::uint64_t left = random.below(5); left > 0; --left)
    merge.ids.push_back(NetworkId(random_number(random)));
  return merge;
}

UpdateAllocation random_update(base::Random& random) {
  UpdateAllocation update{.id = AllocationId(random_number(random))};
  if (random.chance(50)) update.fence = random_number(random);
  if (random.chance(50)) update.hostname = random_text(random);
  update.unique_hostname = random.chance(50);
  if (random.chance(50)) update.description = random_text(random);
  if (random.chance(50)) update.tags = random_tags(random);
  if (random.chance(50)) update.owner = random_text(random);
  if (random.chance(50)) return update;
  update.metadata = random_patch(random);
  return update;
}

CreateToken random_token(base::Random& random) {
  CreateToken token;
  token.name = random_text(random);
  token.role = static_cast<Role>(random.between(1, 3));
  for (std::uint64_t left = random.below(3); left > 0; --left)
    token.vrfs.push_back(random_vrf(random));
  token.hash = base::sha256(random_text(random));
  if (random.chance(50)) token.ttl_seconds = random_number(random);
  if (random.chance(50)) token.expires_at = static_cast<TimeMs>(random.next());
  return token;
}

Command random_command(base::Random& random);

Transaction random_transaction(base::Random& random) {
  Transaction transaction;
  for (std::uint64_t left = random.below(5); left > 0; --left) {
    Operation operation{random_command(random).body, {}};
    if (!may_be_operation(operation.body)) continue;
    for (std::uint64_t more = random.below(3); more > 0; --more)
      operation.references.push_back({static_cast<OperationField>(random.between(1, 5)),
                                      static_cast<std::uint32_t>(random.below(operations_max)),
                                      static_cast<ResultField>(random.between(1, 5))});
    transaction.operations.push_back(std::move(operation));
  }
  return transaction;
}

Import random_import(base::Random& random) {
  return {random_transaction(random).operations,
          static_cast<OnConflict>(random.between(1, 3))};
}

Command random_command(base::Random& random) {
  Command command;
  command.actor = random_text(random);
  if (random.chance(30)) {
    const std::uint64_t hash = random.next();
    const auto seconds = static_cast<std::uint32_t>(random_number(random));
    command.idempotency = {"k" + random_text(random), hash, seconds};
  }
  if (random.chance(20)) {
    command.precondition.emplace();
    for (std::uint64_t left = random.below(4); left > 0; --left)
      command.precondition->revisions.push_back(Revision(random_number(random)));
  }
  if (random.chance(20)) command.token = TokenId(random_number(random));
  switch (random.below(23)) {
    case 19: command.body = random_merge(random); break;
    case 18:
      command.body = SplitNetwork{NetworkId(random_number(random)),
                                  static_cast<std::uint8_t>(random.below(256))};
      break;
    case 15:
      command.body = CreateReservation{NetworkId(random_number(random)), random_address(random),
                                       random_address(random), random_text(random),
                                       random_tags(random), random_metadata(random),
                                       random_vrf(random)};
      break;
    case 16: {
      UpdateReservation update{.id = ReservationId(random_number(random)),
                               .network_id = NetworkId(random_number(random))};
      if (random.chance(50)) update.reason = random_text(random);
      if (random.chance(50)) update.tags = random_tags(random);
      if (random.chance(50)) update.metadata = random_patch(random);
      command.body = std::move(update);
      break;
    }
    case 17:
      command.body = DeleteReservation{ReservationId(random_number(random)),
                                       NetworkId(random_number(random))};
      break;
    case 20: command.body = random_token(random); break;
    case 21:
      command.body = random.chance(50) ? RevokeToken{TokenId(random_number(random))}
                                       : RevokeToken{random_text(random)};
      break;
    case 22: {
      TouchTokens touch;
      for (std::uint64_t left = random.below(4); left > 0; --left)
        touch.tokens.push_back(TokenId(random_number(random)));
      command.body = std::move(touch);
      break;
    }
    case 14: command.body = random_import(random); break;
    case 12: command.body = random_transaction(random); break;
    case 0:
      command.body = CreateNetwork{random_prefix(random), random_text(random), random_tags(random),
                                   static_cast<std::uint32_t>(random_number(random)),
                                   random_vrf(random), random_extras(random)};
      break;
    case 1: command.body = DeleteNetwork{NetworkId(random_number(random))}; break;
    case 2: {
      Allocate allocate;
      if (random.chance(50))
        allocate.network = random_prefix(random);
      else
        allocate.network = NetworkId(random_number(random));
      if (random.chance(50)) allocate.vrf = random_vrf(random);
      allocate.count = random_number(random);
      allocate.hostname = random_text(random);
      allocate.description = random_text(random);
      allocate.tags = random_tags(random);
      if (random.chance(50)) allocate.ttl_seconds = random_number(random);
      if (random.chance(50)) allocate.options = random_options(random);
      command.body = std::move(allocate);
      break;
    }
    case 3: {
      Release release{AllocationId(random_number(random))};
      if (random.chance(50)) release.fence = random_number(random);
      command.body = release;
      break;
    }
    case 4: command.body = ExpireLeases{}; break;
    case 5: command.body = random_update(random); break;
    case 6: {
      RenewLease renew{AllocationId(random_number(random)), random_number(random), {}};
      if (random.chance(50)) renew.fence = random_number(random);
      command.body = renew;
      break;
    }
    case 7: command.body = CreateVrf{random_text(random), random_text(random)}; break;
    case 8: {
      UpdateVrf update{random_vrf(random), std::nullopt, std::nullopt};
      if (random.chance(50)) update.name = random_text(random);
      if (random.chance(50)) update.description = random_text(random);
      command.body = std::move(update);
      break;
    }
    case 9: command.body = DeleteVrf{random_vrf(random)}; break;
    case 10: command.body = random_network_update(random); break;
    case 11: {
      CarveNetworks carve;
      carve.parent = NetworkId(random_number(random));
      carve.prefix_length = static_cast<std::uint8_t>(random.below(256));
      carve.count = random_number(random);
      carve.strategy = random.chance(50) ? CarveStrategy::first : CarveStrategy::best;
      carve.description = random_text(random);
      carve.tags = random_tags(random);
      command.body = std::move(carve);
      break;
    }
    default:
      command.body = RecordEvent{random_text(random), random_text(random), random_text(random)};
  }
  return command;
}

}  // namespace

TEST_CASE("a command decodes to what was encoded, and nothing shorter or longer does") {
  const std::uint64_t seed = 7;
  CAPTURE(seed);
  base::Random random(seed);
  for (int round = 0; round < 20'000; ++round) {
    CAPTURE(round);
    const Command command = random_command(random);
    const base::Bytes bytes = encode(command);
    const auto decoded = decode_command(bytes);
    REQUIRE(decoded);
    CHECK(*decoded == command);
    if (round >= 1000) continue;
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
      CHECK_FALSE(decode_command(base::BytesView(bytes).substr(0, cut)));
    CHECK_FALSE(decode_command(bytes + '\0'));
  }
}

TEST_CASE("changed bytes decode to a command that encodes to just these bytes, or not at all") {
  const std::uint64_t seed = 8;
  CAPTURE(seed);
  base::Random random(seed);
  int accepted = 0;
  for (int round = 0; round < 50'000; ++round) {
    CAPTURE(round);
    base::Bytes bytes = encode(random_command(random));
    bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    const auto decoded = decode_command(bytes);
    if (!decoded) continue;
    ++accepted;
    CHECK(encode(*decoded) == bytes);
  }
  CHECK(accepted > 0);
}

TEST_CASE("the format of version 1 stays as it is") {
  Command create;
  create.body = CreateNetwork{*parse_prefix("10.0.0.0/24"), "d", {"t"}};
  CHECK(encode(create) == base::Bytes("\x01\x01\x06system\x00\x04\x18\x00\x00\x00\x0a\x01"
                                      "d\x01\x01t\x00",
                                      22));
  Command release;
  release.actor = "";
  release.body = Release{AllocationId(300)};
  CHECK(encode(release) == base::Bytes("\x01\x04\x00\x00\xac\x02\x00", 7));
  Command allocate;
  allocate.actor = "a";
  Allocate body;
  body.network = NetworkId(2);
  body.count = 3;
  body.hostname = "h";
  body.ttl_seconds = 60;
  allocate.body = body;
  CHECK(encode(allocate) == base::Bytes("\x01\x03\x01"
                                        "a\x00\x00\x02\x03\x01h\x00\x00\x01\x3c\x00",
                                        15));
  Command update;
  update.actor = "";
  update.body = UpdateNetwork{.id = NetworkId(2), .status = NetworkStatus::container};
  CHECK(encode(update) == base::Bytes("\x01\x0e\x00\x00\x02\x00\x00\x02\x00\x00\x00\x00\x00", 13));
}

TEST_CASE("the prefix of an update is behind its status, which has a bit that says so") {
  Command update;
  update.actor = "";
  UpdateNetwork body{.id = NetworkId(2), .status = NetworkStatus::container};
  body.prefix = *parse_prefix("10.0.0.0/24");
  update.body = body;
  CHECK(encode(update) == base::Bytes("\x01\x0e\x00\x00\x02\x00\x00\x82\x04\x18\x00\x00\x00\x0a"
                                      "\x00\x00\x00\x00\x00",
                                      19));
}

TEST_CASE("a precondition is behind the key, and its kind has a bit of its own") {
  Command release;
  release.actor = "";
  release.body = Release{AllocationId(300)};
  release.precondition = Precondition{{Revision(7)}};
  CHECK(encode(release) == base::Bytes("\x01\x84\x00\x00\x01\x07\xac\x02\x00", 9));
  release.precondition->revisions.clear();  // one that nothing fulfils
  CHECK(encode(release) == base::Bytes("\x01\x84\x00\x00\x00\xac\x02\x00", 8));
}

TEST_CASE("a token is behind the precondition, and its kind has a bit of its own") {
  Command release;
  release.actor = "";
  release.body = Release{AllocationId(300)};
  release.token = TokenId(5);
  CHECK(encode(release) == base::Bytes("\x01\x44\x00\x00\x05\xac\x02\x00", 8));
  CHECK_FALSE(decode_command(base::BytesView("\x01\x44\x00\x00\x00\xac\x02\x00", 8)));  // none
}

TEST_CASE("unknown versions and kinds, host bits and overlong numbers are no command") {
  CHECK_FALSE(decode_command(""));
  CHECK_FALSE(decode_command(base::BytesView("\x02\x05\x00\x00", 4)));
  CHECK_FALSE(decode_command(base::BytesView("\x01\x00\x00\x00", 4)));
  CHECK_FALSE(decode_command(base::BytesView("\x01\x09\x00\x00", 4)));
  CHECK(decode_command(base::BytesView("\x01\x05\x00\x00", 4)));
  CHECK_FALSE(decode_command(
      base::BytesView("\x01\x01\x00\x00\x04\x18\x01\x00\x00\x0a\x00\x00\x00", 13)));
  CHECK(decode_command(
      base::BytesView("\x01\x01\x00\x00\x04\x18\x00\x00\x00\x0a\x00\x00\x00", 13)));
  CHECK_FALSE(decode_command(
      base::BytesView("\x01\x01\x00\x00\x05\x18\x00\x00\x00\x0a\x00\x00\x00", 13)));
  // 1 in two bytes
  CHECK_FALSE(decode_command(base::BytesView("\x01\x04\x00\x00\x81\x00\x00", 7)));
  CHECK(decode_command(base::BytesView("\x01\x04\x00\x00\x01\x00", 6)));
  // Within a transaction: no transaction, nothing that only the cluster itself does.
  const base::Bytes transaction("\x01\x09\x00\x00\x01\x02\x01\x00", 8);
  CHECK(decode_command(transaction));
  for (const char kind : {'\x09', '\x0a', '\x05', '\x1f'}) {
    base::Bytes other = transaction;
    other[5] = kind;
    CHECK_FALSE(decode_command(other));
  }
  // A count of tags that could not follow.
  CHECK_FALSE(decode_command(
      base::BytesView("\x01\x01\x00\x00\x04\x18\x00\x00\x00\x0a\x00\x7f", 12)));
}
