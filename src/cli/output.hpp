// The three output formats. Rows are the JSON objects that the API answered; a column says how it
// is read from one. json is never rendered here: the API's body is printed as it came. Pure.
#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

enum class OutputFormat : std::uint8_t { table, json, csv };

enum class Shown : std::uint8_t { always, table_only, csv_only };

struct Column {
  std::string title;
  std::function<std::string(const boost::json::object&)> text;
  Shown shown = Shown::always;
  bool shrinks = false;  // is cut with "…" where the table is too wide
  bool right_aligned = false;
  bool hidden_if_empty = false;  // from a table where no row has it
};

// Columns aligned under their titles, two blanks between them. Shrinking columns give way until the
// table fits into `width` characters, where it can; 0 is no limit. Control characters are shown as
// '?': a description must not drive the terminal.
std::string render_table(const std::vector<Column>& columns, const boost::json::array& rows,
                         std::size_t width);

// RFC 4180, with a header row and CRLF.
std::string render_csv(const std::vector<Column>& columns, const boost::json::array& rows);

// The field as users read it: null or missing is empty, a list is joined with commas.
std::string text_of(const boost::json::object& object, std::string_view key);
// The same as a column, read by `key`.
std::function<std::string(const boost::json::object&)> field(std::string key);

std::string printable(std::string_view text);

}  // namespace cli
