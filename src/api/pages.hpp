// Pages of lists: `limit`, `cursor`, `sort`, and the Link to the next one (RFC 8288). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/handlers.hpp"
#include "api/list_reader.hpp"
#include "http/message.hpp"

namespace api {

inline constexpr std::uint64_t page_limit_default = 100;
inline constexpr std::uint64_t page_limit_max = 10000;

// The request's own path and query, with `cursor` in place of the one that it had.
http::Header next_page_link(const http::Request& request, std::string_view cursor);
http::Response invalid_cursor(std::string_view cursor);  // 400

// The order that every list knows.
inline constexpr std::string_view list_sorts[] = {"id"};

// Which page of a list is wanted, or all of it.
struct PageRequest {
  // "REVISION.KEY": the revision that all pages are of, and the last object that was shown.
  struct Cursor {
    ipam::Revision revision;
    std::string key;
  };

  http::Request request;  // path and query alone
  std::optional<std::uint64_t> limit;  // nullopt: everything
  std::optional<Cursor> cursor;
  std::string_view sort;  // one of the names; empty where none is given
  bool descending = false;

  // `sorts` are the names that the list knows; those with '-' before them too. The error is the
  // answer.
  static base::Result<PageRequest, http::Response> read(const Call& call,
                                                        std::span<const std::string_view> sorts);
  // 400 for the cursor that was given. REQUIRES: there is one.
  http::Response refuse_cursor() const;
};

// The windows of ids that a list looks at from the end to the beginning, one a step.
class DescendingWindow {
 public:
  // Where the one before `position` begins.
  std::uint64_t before(std::uint64_t position, std::size_t room);

 private:
  std::uint64_t size_ = 0;
};

// The body of a list in the making: a page with the Link to the next one, or everything in pieces.
class ListBody {
 public:
  explicit ListBody(PageRequest page) : page_(std::move(page)) {}

  const PageRequest& page() const { return page_; }
  void begin(ipam::Revision revision) { revision_ = revision; }
  // False: the page is full, and the object is not in it. `key` is what its cursor would name.
  bool add(std::string_view key, std::string_view object);
  // So many objects a step should find: no more than it may show, or a page has room for and tells
  // by that more follow.
  std::size_t room() const;
  // What to do after the objects of a step; `at_end` where no more follow.
  ListReader::Step step(bool at_end);

 private:
  http::Response response();

  PageRequest page_;
  ipam::Revision revision_;
  std::string bytes_ = "[";
  std::uint64_t count_ = 0;
  bool is_full_ = false;
  bool has_sent_ = false;
  std::string last_key_;
};

}  // namespace api
