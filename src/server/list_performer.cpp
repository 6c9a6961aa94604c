#include "server/list_performer.hpp"

#include <asio/post.hpp>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <utility>

#include "api/action.hpp"

namespace server {

namespace {

// For the next page of the same list: it may take as much memory as all networks of the node.
constexpr std::chrono::seconds past_plans_kept{60};

}  // namespace

class ListPerformer::Stream : public http::BodySource {
 public:
  Stream(ListPerformer& performer, Reader reader, api::ListReader::Piece first)
      : performer_(performer), reader_(std::move(reader)), first_(std::move(first)) {}

  void next(std::function<void(Piece)> done) override {
    if (first_) return give(*std::exchange(first_, std::nullopt), done);
    if (*cancelled_) return done({{}, After::broken});
    auto finished = [done = std::move(done)](Output output) {
      if (auto* piece = std::get_if<api::ListReader::Piece>(&output))
        return give(std::move(*piece), done);
      done({{}, After::broken});  // its head is sent: there is no other way to say so
    };
    performer_.advance(reader_, [cancelled = cancelled_] { return !*cancelled; },
                       std::move(finished));
  }
  // A step under way ends soon by itself.
  void cancel() override { *cancelled_ = true; }

 private:
  static void give(api::ListReader::Piece piece, const std::function<void(Piece)>& done) {
    done({std::move(piece.bytes), piece.is_last ? After::end : After::more});
  }

  ListPerformer& performer_;
  const Reader reader_;
  std::optional<api::ListReader::Piece> first_;
  const std::shared_ptr<bool> cancelled_ = std::make_shared<bool>(false);
};

void ListPerformer::perform(Reader reader, std::function<void(http::Response)> done) {
  auto finished = [this, reader, done = std::move(done)](Output output) {
    if (auto* whole = std::get_if<http::Response>(&output)) return done(std::move(*whole));
    http::Response response = api::list_head(reader->revision());
    response.stream = std::make_shared<Stream>(
        *this, reader, std::move(std::get<api::ListReader::Piece>(output)));
    done(std::move(response));
  };
  advance(reader, [] { return true; }, std::move(finished));
}

void ListPerformer::stop() {
  stopping_ = true;
  timer_.cancel();
  past_plans_.drop();
}

void ListPerformer::drop_past_plans_later() {
  if (stopping_) return;
  timer_.expires_after(past_plans_kept);
  timer_.async_wait([this](const std::error_code& ec) {
    if (!ec) past_plans_.drop();
  });
}

void ListPerformer::advance(Reader reader, Wanted wanted, std::function<void(Output)> done) {
  if (stopping_ || !wanted()) return done(api::problem_shutting_down());
  api::ListReader::Step step =
      reader->next({replica_.state_machine(), ipam::Revision(replica_.applied().value()),
                    ipam::Revision(replica_.plan_changed().value()), past_plans_});
  if (past_plans_.take_used()) drop_past_plans_later();
  if (auto* whole = std::get_if<http::Response>(&step)) return done(std::move(*whole));
  if (auto* piece = std::get_if<api::ListReader::Piece>(&step)) return done(std::move(*piece));
  auto go_on = [this, reader, wanted = std::move(wanted), done] { advance(reader, wanted, done); };
  auto* const ask = std::get_if<api::ListReader::Ask>(&step);
  if (ask == nullptr) {
    asio::post(io_, std::move(go_on));
    return;
  }
  auto answered = [reader, done = std::move(done), go_on = std::move(go_on)](
                      base::Result<ipam::HistoryAnswer, std::string> answer) {
    if (!answer.ok()) return done(api::problem_for_status(500, answer.error()));
    try {
      reader->take(*answer);
    } catch (const std::runtime_error& error) {  // rows that contradict one another
      return done(api::problem_for_status(500, error.what()));
    }
    go_on();
  };
  replica_.ask_store(std::move(ask->query), std::move(answered));
}

}  // namespace server
