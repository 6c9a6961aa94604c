// The change stream for clients: what became of each revision, as Server-Sent Events. One event a
// revision, so that whoever has seen its id has seen all of it. The events of the last revisions
// are kept in one ring for all watchers: it is their queue, so a reader that is slow costs nothing
// until it falls out of the ring, and is then told so and cut off. Pure; lives on the io thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "http/message.hpp"
#include "ipam/change.hpp"

namespace api {

// Of all events that are kept, with what they cost in memory. Some 45,000 revisions of one
// allocation each.
inline constexpr std::size_t watch_bytes_max = 32 << 20;
// Each wakes up at each batch of revisions.
inline constexpr std::size_t watchers_max = 256;
// A piece of a body ends with the event that reaches it.
inline constexpr std::size_t watch_piece_bytes = 64 << 10;

class WatchHub {
 public:
  // All up to `revision` is compacted: it was applied before this node can tell what it changed.
  explicit WatchHub(ipam::Revision revision, std::size_t bytes_max = watch_bytes_max);
  ~WatchHub();  // watchers may outlive it; they end
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  // REQUIRES: the revisions rise. A revision that changed nothing that is shown gives no event.
  void publish(ipam::Revision revision, const ipam::SharedChanges& changes);
  // Hands what was published to the watchers that wait. Apart from publish(), so that a batch of
  // entries wakes them once.
  void deliver();
  // The state was replaced by one of `revision`: what lies between is not known here.
  void restart(ipam::Revision revision);
  // Sends a comment to whoever waits, so that proxies and dead clients show. Whoever came with a
  // token that is not valid any more is told so, and its watch ends.
  using IsValid = std::function<bool(ipam::TokenId)>;
  void keep_alive(const IsValid& is_valid);
  // Ends all watches, and refuses new ones.
  void close();

  // The stream of all revisions after `since`; where that is not given, after `applied`. Otherwise
  // 410 REVISION_COMPACTED, 503.
  http::Response watch(std::optional<ipam::Revision> since, ipam::Revision applied,
                       ipam::TokenId token = {});

  std::size_t watchers() const;

 private:
  struct Ring;
  class Watcher;
  std::shared_ptr<Ring> ring_;
};

}  // namespace api
