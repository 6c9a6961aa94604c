#include "api/watch_hub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "api/problems.hpp"
#include "api/watch_event.hpp"
#include "base/assert.hpp"

namespace api {
namespace {

// What an event takes beside its text or its changes.
constexpr std::size_t event_overhead_bytes = 64;

http::Response compacted(ipam::Revision since, ipam::Revision oldest) {
  return problem(Problem::revision_compacted,
                 fmt::format("what followed revision {} is no longer known here, only what "
                             "followed revision {}: read the lists anew, then watch from the "
                             "X-Ipam-Revision of that answer",
                             since.value(), oldest.value()));
}

std::string last_event(const http::Response& problem) {
  return fmt::format("event: error\ndata: {}\n\n", problem.body);
}

}  // namespace

struct WatchHub::Ring {
  // One that nobody waited for stays as it came; whoever reads it then renders it for itself.
  struct Event {
    ipam::Revision revision;
    std::string text;
    ipam::SharedChanges changes;  // where there is no text
    std::size_t bytes = 0;
  };

  // The first event after `revision`.
  std::deque<Event>::const_iterator after(ipam::Revision revision) const {
    return std::upper_bound(events.begin(), events.end(), revision,
                            [](ipam::Revision r, const Event& e) { return r < e.revision; });
  }

  const std::size_t bytes_max;
  std::deque<Event> events;
  ipam::Revision compacted;  // every event after it is here
  std::size_t bytes = 0;
  std::set<Watcher*> watchers;
  bool closed = false;
};

class WatchHub::Watcher : public http::BodySource {
 public:
  Watcher(std::shared_ptr<Ring> ring, ipam::Revision since, ipam::TokenId token)
      : ring_(std::move(ring)), token_(token), seen_(since) {
    ring_->watchers.insert(this);
  }
  ~Watcher() override { ring_->watchers.erase(this); }

  void next(std::function<void(Piece)> done) override {
    ASSERT(!waiting_);
    if (!greeted_) {
      greeted_ = true;
      // An event without data: it is not shown, but is where a reconnecting browser goes on from.
      done({fmt::format("retry: 1000\nid: {}\n\n", seen_.value()), After::more});
      return;
    }
    waiting_ = std::move(done);
    wake();
  }
  void cancel() override { end({}); }

  // Gives what there is to whoever waits for it.
  void wake() {
    if (!waiting_) return;
    if (ring_->closed)
      return end(last_event(problem_shutting_down()));
    if (is_revoked_) return end(last_event(denied(Denial::revoked_token)));
    if (seen_ < ring_->compacted) return end(last_event(api::compacted(seen_, ring_->compacted)));
    std::string text;
    for (auto event = ring_->after(seen_);
         event != ring_->events.end() && text.size() < watch_piece_bytes; ++event) {
      text += event->text.empty() ? event_text(event->revision, *event->changes) : event->text;
      seen_ = event->revision;
    }
    if (!text.empty()) give({std::move(text), After::more});
  }
  void keep_alive(const IsValid& is_valid) {
    is_revoked_ = token_ && !is_valid(token_);
    if (is_revoked_) return wake();
    if (waiting_) give({": still here\n\n", After::more});
  }

 private:
  void end(std::string text) {
    if (waiting_) give({std::move(text), After::end});
  }
  void give(Piece piece) { std::exchange(waiting_, nullptr)(std::move(piece)); }

  const std::shared_ptr<Ring> ring_;
  const ipam::TokenId token_;
  ipam::Revision seen_;
  bool is_revoked_ = false;
  bool greeted_ = false;
  std::function<void(Piece)> waiting_;
};

WatchHub::WatchHub(ipam::Revision revision, std::size_t bytes_max)
    : ring_(new Ring{bytes_max, {}, revision, 0, {}, false}) {}

WatchHub::~WatchHub() { close(); }

void WatchHub::publish(ipam::Revision revision, const ipam::SharedChanges& changes) {
  Ring& ring = *ring_;
  ASSERT(ring.events.empty() || ring.events.back().revision < revision);
  if (std::none_of(changes->begin(), changes->end(), is_shown)) return;
  Ring::Event& event = ring.events.emplace_back(Ring::Event{revision, {}, {}, 0});
  event.bytes = event_overhead_bytes;
  if (!ring.watchers.empty()) {
    event.text = event_text(revision, *changes);
    event.bytes += event.text.size();
  } else {
    event.changes = changes;
    for (const ipam::Change& change : *changes) event.bytes += bytes_of(change);
  }
  ring.bytes += event.bytes;
  // The newest stays, however large it is.
  while (ring.bytes > ring.bytes_max && ring.events.size() > 1) {
    ring.compacted = ring.events.front().revision;
    ring.bytes -= ring.events.front().bytes;
    ring.events.pop_front();
  }
}

// A watcher that gets something may end, and take itself out of the set.
void WatchHub::deliver() {
  const std::vector<Watcher*> watchers(ring_->watchers.begin(), ring_->watchers.end());
  for (Watcher* watcher : watchers)
    if (ring_->watchers.contains(watcher)) watcher->wake();
}

void WatchHub::restart(ipam::Revision revision) {
  ring_->events.clear();
  ring_->bytes = 0;
  ring_->compacted = revision;
  deliver();
}

void WatchHub::keep_alive(const IsValid& is_valid) {
  const std::vector<Watcher*> watchers(ring_->watchers.begin(), ring_->watchers.end());
  for (Watcher* watcher : watchers)
    if (ring_->watchers.contains(watcher)) watcher->keep_alive(is_valid);
}

void WatchHub::close() {
  ring_->closed = true;
  deliver();
}

http::Response WatchHub::watch(std::optional<ipam::Revision> since, ipam::Revision applied,
                               ipam::TokenId token) {
  if (ring_->closed) return problem_shutting_down();
  if (ring_->watchers.size() >= watchers_max)
    return problem(Problem::overloaded,
                   fmt::format("{} watches are open on this node already: close one, or ask "
                               "another node",
                               watchers_max));
  const ipam::Revision from = since.value_or(applied);
  if (from < ring_->compacted) return compacted(from, ring_->compacted);
  http::Response response;
  response.content_type = "text/event-stream";
  response.headers.push_back({"Cache-Control", "no-store"});
  response.headers.push_back({"X-Accel-Buffering", "no"});  // nginx would hold events back
  response.stream = std::make_shared<Watcher>(ring_, from, token);
  return response;
}

std::size_t WatchHub::watchers() const { return ring_->watchers.size(); }

}  // namespace api
