// HTTP/1.1 requests and responses as values (RFC 9110, RFC 9112). Pure; shared by parser, session,
// API and CLI.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

enum class Method : std::uint8_t { get, head, post, put, patch, delete_, options, other };

struct Header {
  std::string name;  // as received; compare with equal_ignoring_case()
  std::string value;
};

struct Request {
  Method method = Method::get;
  std::string path;   // percent-decoded, without query; starts with '/', or is "*" (OPTIONS only)
  std::string query;  // raw, without '?'
  std::vector<Header> headers;
  std::string body;
  bool keep_alive = true;
  std::string client_address;  // of the connection, without its port; empty where there is none
  std::uint8_t minor_version = 1;  // of HTTP/1.x: 0 or 1

  // The first field of that name; nullptr where there is none.
  const std::string* header(std::string_view name) const;
};

// A body that is made in pieces while it is sent, so that no answer need fit into memory. The
// session asks for the next piece once the socket has taken the one before. On the io thread.
class BodySource {
 public:
  enum class After : std::uint8_t {
    more,    // another piece follows
    end,     // the body is whole
    broken,  // the body cannot be finished: the connection is cut, so that the client sees it
  };
  struct Piece {
    std::string bytes;  // may be empty
    After after = After::end;
  };

  virtual ~BodySource() = default;
  // Calls `done` once, from within this call or later. Not called again before that, nor after a
  // piece that is not followed by more.
  virtual void next(std::function<void(Piece)> done) = 0;
  // The reader is gone, or the server stops: a `done` that is waiting must be called soon.
  virtual void cancel() = 0;
};

struct Response {
  int status = 200;
  std::string content_type;  // empty: no Content-Type is sent
  std::vector<Header> headers;
  std::string body;
  std::shared_ptr<BodySource> stream;  // in place of `body` where it is set
  // Of `stream`, where it is known before: sent as Content-Length. A source that gives another
  // number of bytes breaks the answer.
  std::optional<std::uint64_t> stream_bytes = {};

  // The first field of that name; nullptr where there is none.
  const std::string* header(std::string_view name) const;
};

bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view to_string(Method method);
// Method::other for every token that is not one of ours.
Method parse_method(std::string_view token);
// Empty for a status that has no registered reason.
std::string_view reason_phrase(int status);

// Appends `text` percent-decoded; false: a '%' that two hex digits do not follow, or %00.
bool percent_decode(std::string_view text, std::string& out);

// Decodes a raw query string into pairs ('+' is a space). nullopt: bad percent-encoding, or more
// than 64 pairs.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query);

}  // namespace http
