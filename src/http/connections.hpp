// Who is connected to a server: how many in all and from each source, and in which order they could
// go where there is no room. Moving one from list to list costs no allocation, as it happens with
// each request. Pure bookkeeping, which never looks into a session. On the io thread.
#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>

namespace http {

class Session;

class Connections {
 public:
  enum class Standing : unsigned char {
    busy,     // a request is coming in or being answered
    idle,     // nothing is under way
    blocked,  // its client does not take the answer
  };
  struct Member {
    Session* session;
    std::string source;
    Standing standing;
  };
  using Place = std::list<Member>::iterator;

  // Busy at first. The place is valid until it is removed.
  Place add(Session* session, std::string source);
  void remove(Place place);
  // As the last one of that standing, also where it had it before.
  void move(Place place, Standing standing);

  std::size_t size() const { return size_; }
  std::size_t from(const std::string& source) const;
  // Those of one standing, the longest first.
  const std::list<Member>& all(Standing standing) const {
    return lists_[static_cast<std::size_t>(standing)];
  }
  // REQUIRES: `visit` does not end sessions at once.
  template <typename Visit>
  void each(const Visit& visit) const {
    for (const std::list<Member>& list : lists_)
      for (const Member& member : list) visit(*member.session);
  }

 private:
  std::array<std::list<Member>, 3> lists_;  // by standing
  std::unordered_map<std::string, std::size_t> by_source_;
  std::size_t size_ = 0;
};

}  // namespace http
