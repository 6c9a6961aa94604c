// Files of other tools as rows. A reader takes the file in pieces of any size, so that a file
// larger than memory can be read where its format is made of lines; it keeps at most one record,
// or, of a JSON document, the whole of it up to document_bytes_max. Pure; owned by who reads.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transfer/row.hpp"

namespace transfer {

enum class Format : std::uint8_t {
  prefixes,  // one CIDR a line; # begins a comment
  csv,       // RFC 4180 with a header line: README.md lists the columns
  json,      // what `export` writes: one object a line, or an array of them
  netbox,    // Django fixtures (dumpdata) or answers of NetBox's REST API
  phpipam,   // the CSV of its export, columns by phpIPAM's names
};
std::string_view to_string(Format format);
std::optional<Format> parse_format(std::string_view text);

inline constexpr std::size_t record_bytes_max = 64 * 1024;   // one line, one record of a CSV
inline constexpr std::size_t columns_max = 256;              // of a CSV
inline constexpr std::size_t document_bytes_max = 256 << 20;  // a JSON document

// Why the file cannot be read, and where; what came before it is valid.
struct ReadError {
  std::uint64_t position = 0;  // as in Row
  std::string text;            // a sentence without capital and full stop

  friend bool operator==(const ReadError&, const ReadError&) = default;
};

// What a file holds that has no place here, by kind: "63 records of ipam.vlan: not imported".
struct Ignored {
  std::string kind;
  std::uint64_t count = 0;

  friend bool operator==(const Ignored&, const Ignored&) = default;
};

class Reader {
 public:
  // `rows` never gets longer than rows_max: short rows take many times the bytes that they came in.
  explicit Reader(std::size_t rows_max) : rows_max_(rows_max) {}
  virtual ~Reader() = default;

  // Takes the next bytes of the file and appends the rows that are complete. After an error nothing
  // more may be fed.
  virtual std::optional<ReadError> feed(std::string_view bytes, std::vector<Row>& rows) = 0;
  // The file is at its end: the rest of the rows.
  virtual std::optional<ReadError> finish(std::vector<Row>& rows) = 0;
  // Valid after finish().
  virtual std::vector<Ignored> ignored() const { return {}; }

 protected:
  std::optional<ReadError> add(std::vector<Row>& rows, std::uint64_t position, Object object) const;

 private:
  const std::size_t rows_max_;
};

// Without a limit for who takes the rows away between two pieces.
std::unique_ptr<Reader> make_reader(Format format,
                                    std::size_t rows_max = std::vector<Row>().max_size());

}  // namespace transfer
