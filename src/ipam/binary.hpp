// Addresses, prefixes and lists of texts as bytes: what commands and outcomes are made of. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "ipam/model.hpp"

namespace ipam {

// Of an address whose family is known: u32 for IPv4, low u64 and high u64 for IPv6.
inline void write_address_value(base::ByteWriter& writer, const Address& address) {
  if (address.family == Family::ipv4) {
    writer.u32(static_cast<std::uint32_t>(address.value));
  } else {
    writer.u64(static_cast<std::uint64_t>(address.value));
    writer.u64(static_cast<std::uint64_t>(address.value >> 64));
  }
}

inline void read_address_value(base::ByteReader& reader, Address& address) {
  if (address.family == Family::ipv4) {
    address.value = reader.u32();
  } else if (address.family == Family::ipv6) {
    address.value = reader.u64();
    address.value |= static_cast<U128>(reader.u64()) << 64;
  } else {
    reader.fail();
  }
}

// u8 family, then the value.
inline void write_address(base::ByteWriter& writer, const Address& address) {
  writer.u8(static_cast<std::uint8_t>(address.family));
  write_address_value(writer, address);
}

inline Address read_address(base::ByteReader& reader) {
  Address address;
  address.family = static_cast<Family>(reader.u8());
  read_address_value(reader, address);
  return address;
}

// u8 family, u8 length, then the value of the base.
inline void write_prefix(base::ByteWriter& writer, const Prefix& prefix) {
  ASSERT(is_valid(prefix));
  writer.u8(static_cast<std::uint8_t>(prefix.base.family));
  writer.u8(static_cast<std::uint8_t>(prefix.length));
  write_address_value(writer, prefix.base);
}

inline Prefix read_prefix(base::ByteReader& reader) {
  Prefix prefix;
  prefix.base.family = static_cast<Family>(reader.u8());
  prefix.length = reader.u8();
  read_address_value(reader, prefix.base);
  if (!is_valid(prefix)) reader.fail();
  return prefix;
}

inline void write_strings(base::ByteWriter& writer, const std::vector<std::string>& strings) {
  writer.varint(strings.size());
  for (const auto& text : strings) writer.string(text);
}

inline std::vector<std::string> read_strings(base::ByteReader& reader) {
  const std::size_t count = reader.count(1);
  std::vector<std::string> strings;
  strings.reserve(count);
  for (std::size_t i = 0; i < count; ++i) strings.emplace_back(reader.string());
  return strings;
}

inline void write_hash(base::ByteWriter& writer, const base::Sha256& hash) {
  writer.raw({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

inline base::Sha256 read_hash(base::ByteReader& reader) {
  base::Sha256 hash{};
  for (std::uint8_t& byte : hash) byte = reader.u8();
  return hash;
}

inline void write_metadata(base::ByteWriter& writer, const Metadata& metadata) {
  writer.varint(metadata.size());
  for (const auto& [key, value] : metadata) {
    writer.string(key);
    writer.string(value);
  }
}

// Keys that are not in order, or twice, would encode otherwise: decode_command() refuses them.
inline Metadata read_metadata(base::ByteReader& reader) {
  Metadata metadata;
  for (std::size_t left = reader.count(2); left > 0; --left) {
    std::string key(reader.string());
    metadata[std::move(key)] = reader.string();
  }
  return metadata;
}

// The fields in order, the gateway with a flag before it.
inline void write_extras(base::ByteWriter& writer, const NetworkExtras& extras) {
  writer.u8(static_cast<std::uint8_t>(extras.status));
  writer.u8(static_cast<std::uint8_t>(extras.strategy));
  writer.boolean(extras.gateway.has_value());
  if (extras.gateway) write_address(writer, *extras.gateway);
  writer.varint(extras.threshold_percent);
  write_metadata(writer, extras.metadata);
}

inline NetworkExtras read_extras(base::ByteReader& reader) {
  NetworkExtras extras;
  extras.status = static_cast<NetworkStatus>(reader.u8());
  extras.strategy = static_cast<Strategy>(reader.u8());
  if (extras.status == NetworkStatus() || extras.status > network_status_last ||
      extras.strategy == Strategy() || extras.strategy > strategy_last)
    reader.fail();
  if (reader.boolean()) extras.gateway = read_address(reader);
  extras.threshold_percent = static_cast<std::uint32_t>(reader.varint());
  extras.metadata = read_metadata(reader);
  return extras;
}

}  // namespace ipam
