// What an import brings, whatever file it came from: one row is one object that shall exist.
// Values, pure; the limits on texts are checked by whoever makes commands of them (ipam/limits).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ipam/address.hpp"
#include "ipam/model.hpp"

namespace transfer {

struct VrfRow {
  std::string name;
  std::string description;

  friend bool operator==(const VrfRow&, const VrfRow&) = default;
};

struct NetworkRow {
  std::string vrf;  // by name; empty: the default one
  ipam::Prefix prefix;
  std::string description;
  std::vector<std::string> tags;
  std::string status;  // active, container, reserved, deprecated; empty: active
  ipam::Metadata metadata;
  std::string strategy = {};  // empty: first
  std::optional<ipam::Address> gateway = {};
  std::uint32_t quarantine_seconds = 0;
  std::uint32_t threshold_percent = 0;  // 0: none

  friend bool operator==(const NetworkRow&, const NetworkRow&) = default;
};

// An allocation: one address, or a block of them.
struct AllocationRow {
  std::string vrf;
  ipam::Address first;
  ipam::Address last;
  // Of the network that must be there for it, where the file says so; else any that contains it.
  ipam::Prefix network{};
  bool has_network = false;
  std::string hostname;
  std::string description;
  std::vector<std::string> tags;
  std::string owner;
  ipam::Metadata metadata;

  friend bool operator==(const AllocationRow&, const AllocationRow&) = default;
};

// Addresses that next-free leaves alone.
struct ReservationRow {
  std::string vrf;
  ipam::Address first;
  ipam::Address last;
  std::string reason;
  std::vector<std::string> tags = {};
  ipam::Metadata metadata = {};

  friend bool operator==(const ReservationRow&, const ReservationRow&) = default;
};

using Object = std::variant<VrfRow, NetworkRow, AllocationRow, ReservationRow>;

struct Row {
  // Where it stood: the line of a text, from 1; the place of the record in a JSON document, from 1.
  std::uint64_t position = 0;
  Object object;

  friend bool operator==(const Row&, const Row&) = default;
};

}  // namespace transfer
