#include "cli/output.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"

namespace cli {

namespace {

// Characters, not bytes: UTF-8 continuation bytes take no column.
std::size_t width_of(std::string_view text) {
  const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts));
}

std::string cut(std::string_view text, std::size_t width) {
  if (width_of(text) <= width) return std::string(text);
  std::size_t characters = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const bool starts = (static_cast<unsigned char>(text[end]) & 0xc0) != 0x80;
    if (starts && ++characters == width) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

// Takes characters from the widest shrinking column until the row fits or all are at their minimum.
void fit(const std::vector<const Column*>& columns, std::vector<std::size_t>& widths,
         std::size_t width) {
  constexpr std::size_t cell_min = 8;  // shorter tells a reader nothing
  std::size_t total = 2 * (widths.size() - 1);
  for (const std::size_t w : widths) total += w;
  while (total > width) {
    std::size_t* widest = nullptr;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::size_t minimum = std::max(cell_min, columns[i]->title.size());
      if (!columns[i]->shrinks || widths[i] <= minimum) continue;
      if (widest == nullptr || widths[i] > *widest) widest = &widths[i];
    }
    if (widest == nullptr) return;
    --*widest;
    --total;
  }
}

void append_row(std::string& out, const std::vector<const Column*>& columns,
                const std::vector<std::size_t>& widths, const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string cell = columns[i]->shrinks ? cut(cells[i], widths[i]) : cells[i];
    const std::string padding(widths[i] - std::min(widths[i], width_of(cell)), ' ');
    if (i > 0) line += "  ";
    line += columns[i]->right_aligned ? padding + cell : cell + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + "\n";
}

std::vector<const Column*> shown_columns(const std::vector<Column>& columns, Shown hidden) {
  std::vector<const Column*> shown;
  for (const Column& column : columns) {
    if (column.shown != hidden) shown.push_back(&column);
  }
  ASSERT(!shown.empty());
  return shown;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted.push_back('"');
    quoted.push_back(c);
  }
  return quoted + "\"";
}

std::string scalar_text(const boost::json::value& value) {
  if (value.is_null()) return "";
  if (const auto* text = value.if_string()) return std::string(*text);
  if (const auto* number = value.if_double()) return fmt::format("{}", *number);
  return boost::json::serialize(value);
}

}  // namespace

std::string render_table(const std::vector<Column>& columns, const boost::json::array& rows,
                         std::size_t width) {
  std::vector<const Column*> shown = shown_columns(columns, Shown::csv_only);
  std::erase_if(shown, [&rows](const Column* column) {
    return column->hidden_if_empty &&
           std::all_of(rows.begin(), rows.end(), [column](const boost::json::value& row) {
             return column->text(row.as_object()).empty();
           });
  });
  std::vector<std::vector<std::string>> table(1);
  for (const Column* column : shown) table.front().push_back(column->title);
  for (const boost::json::value& row : rows) {
    std::vector<std::string>& cells = table.emplace_back();
    for (const Column* column : shown) cells.push_back(printable(column->text(row.as_object())));
  }
  std::vector<std::size_t> widths(shown.size(), 0);
  for (const auto& cells : table) {
    for (std::size_t i = 0; i < cells.size(); ++i)
      widths[i] = std::max(widths[i], width_of(cells[i]));
  }
  if (width > 0) fit(shown, widths, width);
  std::string out;
  for (const auto& cells : table) append_row(out, shown, widths, cells);
  return out;
}

std::string render_csv(const std::vector<Column>& columns, const boost::json::array& rows) {
  const std::vector<const Column*> shown = shown_columns(columns, Shown::table_only);
  std::string out;
  const auto append = [&out, &shown](const auto& text_of_column) {
    for (std::size_t i = 0; i < shown.size(); ++i) {
      if (i > 0) out.push_back(',');
      out += csv_field(text_of_column(*shown[i]));
    }
    out += "\r\n";
  };
  append([](const Column& column) { return column.title; });
  for (const boost::json::value& row : rows)
    append([&row](const Column& column) { return column.text(row.as_object()); });
  return out;
}

std::string text_of(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains(key);
  if (value == nullptr) return "";
  const auto* list = value->if_array();
  if (list == nullptr) return scalar_text(*value);
  std::string joined;
  for (const boost::json::value& item : *list) {
    if (!joined.empty()) joined.push_back(',');
    joined += scalar_text(item);
  }
  return joined;
}

std::function<std::string(const boost::json::object&)> field(std::string key) {
  return [key = std::move(key)](const boost::json::object& object) { return text_of(object, key); };
}

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 = byte == 0xc2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) < 0xa0;  // U+0080 to U+009F
    if (c1) ++i;
    if (byte < 0x20 || byte == 0x7f || c1) {
      out.push_back('?');
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace cli
