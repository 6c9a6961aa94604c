// The world around cli::run() as a test sets it up: an environment, directories that servers hold,
// and a Connection that records requests and gives prepared answers.
#pragma once

#include <deque>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "cli/run.hpp"

struct World {
  using Answer = base::Result<http::Response, cli::ConnectionError>;

  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> fingerprints;           // data directory → of its certificate
  std::map<std::string, std::string> local_tokens;           // data directory → secret
  std::map<std::string, std::string> servers;                // data directory → URL
  std::map<std::string, cli::ClusterEndpoint> configs;       // file → what it says
  std::string open_error;                                    // not empty: nothing can be opened
  base::Result<cli::BackupFacts, std::string> backup = cli::BackupFacts{
      7, "0000000000000abc", 6, 1, 2, 3, 4, "ff", 10};  // what every file is
  std::deque<Answer> answers;                                // in the order of the requests

  // What happened.
  std::vector<std::string> requests;  // "POST /api/v1/networks {"cidr":…}"
  std::vector<http::Request> raw_requests;
  std::vector<std::string> opened;    // "embedded DIR" or "server URL"
  std::vector<std::string> checked;   // backups
  std::vector<std::string> foreign;   // "server --port 1"
  std::string out;
  std::string err;
  std::string in;  // standard input
  int pauses = 0;

  void answer(int status, std::string body, std::string type = "application/json") {
    http::Response response;
    response.status = status;
    response.content_type = std::move(type);
    response.body = std::move(body);
    answers.push_back(std::move(response));
  }
  void answer_problem(int status, const std::string& text) {
    answer(status, "{\"title\":\"T\",\"detail\":\"" + text + "\",\"error\":\"" + text + "\"}",
           "application/problem+json");
  }

  int run(const std::vector<std::string>& args, std::size_t width = 80) {
    std::ostringstream out_stream;
    std::ostringstream err_stream;
    std::istringstream in_stream(in);
    cli::Io io{out_stream, err_stream, width, &in_stream, [this] { ++pauses; }};
    const cli::Environment lookup{[this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      if (found == environment.end()) return std::nullopt;
      return found->second;
    }};
    const int code = cli::run(args, lookup, hooks(), io);
    out = out_stream.str();
    err = err_stream.str();
    return code;
  }

 private:
  class Recorder : public cli::Connection {
   public:
    explicit Recorder(World& world) : world_(world) {}
    Answer perform(const http::Request& request) override {
      std::string line = std::string(http::to_string(request.method)) + " " + request.path;
      if (!request.query.empty()) line += "?" + request.query;
      if (!request.body.empty()) line += " " + request.body;
      world_.requests.push_back(line);
      world_.raw_requests.push_back(request);
      if (world_.answers.empty()) return http::Response{500, "", {}, "no answer was prepared", {}};
      Answer answer = std::move(world_.answers.front());
      world_.answers.pop_front();
      return answer;
    }

   private:
    World& world_;
  };

  cli::Hooks hooks() {
    const auto record = [this](std::string name) {
      return [this, name](const std::vector<std::string>& args) {
        std::string line = name;
        for (const std::string& arg : args) line += " " + arg;
        foreign.push_back(line);
        return 0;
      };
    };
    cli::Hooks hooks;
    hooks.open_embedded = [this](const std::string& data_dir)
        -> base::Result<std::unique_ptr<cli::Connection>, std::string> {
      if (!open_error.empty()) return base::fail(open_error);
      opened.push_back("embedded " + data_dir);
      return std::unique_ptr<cli::Connection>(new Recorder(*this));
    };
    hooks.server_url_of = [this](const std::string& data_dir) -> std::optional<std::string> {
      const auto found = servers.find(data_dir);
      if (found == servers.end()) return std::nullopt;
      return found->second;
    };
    hooks.local_token_of = [this](const std::string& data_dir) -> std::optional<std::string> {
      const auto found = local_tokens.find(data_dir);
      if (found == local_tokens.end()) return std::nullopt;
      return found->second;
    };
    hooks.run_server = record("server");
    hooks.cluster_init = record("cluster init");
    hooks.cluster_join = record("cluster join");
    hooks.cluster_recover = record("cluster recover");
    hooks.restore = record("restore");
    hooks.check_backup = [this](const std::string& file) {
      checked.push_back(file);
      return backup;
    };
    hooks.read_cluster_config =
        [this](const std::string& file) -> base::Result<cli::ClusterEndpoint, std::string> {
      const auto found = configs.find(file);
      if (found == configs.end()) return base::fail(file + ": no such file");
      return found->second;
    };
    hooks.fingerprint_of = [this](const std::string& data_dir) -> std::optional<std::string> {
      const auto found = fingerprints.find(data_dir);
      if (found == fingerprints.end()) return std::nullopt;
      return found->second;
    };
    hooks.connect = [this](const cli::ServerUrl& url, const net::TlsContext::Pointer& tls)
        -> std::unique_ptr<cli::Connection> {
      CHECK(url.tls == (tls != nullptr));
      opened.push_back("server " + cli::to_string(url));
      return std::make_unique<Recorder>(*this);
    };
    return hooks;
  }
};
