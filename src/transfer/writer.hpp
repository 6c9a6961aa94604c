// Rows as texts for other tools. Each row is written on its own, so that a list of any length can
// be streamed. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "transfer/row.hpp"

namespace transfer {

enum class ExportFormat : std::uint8_t {
  csv,    // what Format::csv reads
  json,   // what Format::json reads: one object a line
  hosts,  // hosts(5)
  zone,   // a master file of RFC 1035 §5, of a forward or a reverse zone
};
std::optional<ExportFormat> parse_export_format(std::string_view text);
std::string_view media_type(ExportFormat format);

struct ZoneOptions {
  std::string name;         // example.com, 2.0.192.in-addr.arpa, 8.b.d.0.1.0.0.2.ip6.arpa
  std::string name_server;  // of the NS and SOA records; empty: ns.NAME
  std::uint32_t serial = 1;
};

// The name in lower case without the dot at its end; the error says why it is none.
base::Result<std::string, std::string> parse_zone_name(std::string_view text);

class Writer {
 public:
  // REQUIRES: for zone, a name that parse_zone_name() gave.
  explicit Writer(ExportFormat format, ZoneOptions zone = {});

  // What stands before all rows.
  void begin(std::string& out) const;
  // Nothing where the format has no place for it.
  void write(std::string& out, const Object& object) const;

 private:
  void write_zone_record(std::string& out, const AllocationRow& row) const;

  ExportFormat format_;
  ZoneOptions zone_;
  // Of a reverse zone: the addresses in it.
  std::optional<ipam::Prefix> reverse_;
};

// "1.2.0.192.in-addr.arpa", without a dot at its end. RFC 1035 §3.5, RFC 3596 §2.5.
std::string reverse_name(const ipam::Address& address);
// The addresses below a reverse name; nullopt where it is no such name.
std::optional<ipam::Prefix> reverse_prefix(std::string_view name);

}  // namespace transfer
