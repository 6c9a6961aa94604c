// Where a node's cluster secret comes from, what `cluster init` and `join` make of it, and what the
// server does without.
#include "server/cluster_secret.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <map>
#include <sstream>

#include "server/cluster_commands.hpp"
#include "server/options.hpp"
#include "temporary_directory.hpp"

namespace {

const std::string given(40, 'g'), other(40, 'o');
const std::string members = "1:n1:5001,2:n2:5002";

using Variables = std::map<std::string, std::string>;

cli::Environment environment_of(const Variables& variables) {
  return {[variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  }};
}

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

Outcome run(decltype(server::cluster_init) command, std::vector<std::string> args,
            const std::string& data, const Variables& variables = {}) {
  std::ostringstream out, err;
  cli::Io io{out, err};
  args.insert(args.end(), {"--data-dir", data, "--initial-members", members});
  const int code = command(args, io, environment_of(variables));
  return {code, out.str(), err.str()};
}
Outcome init(const std::string& data, const std::vector<std::string>& more = {},
             const Variables& variables = {}) {
  std::vector<std::string> args{"--raft-addr", "n1:5001"};
  args.insert(args.end(), more.begin(), more.end());
  return run(server::cluster_init, args, data, variables);
}
Outcome join(const std::string& data, const std::vector<std::string>& more = {},
             const Variables& variables = {}) {
  std::vector<std::string> args{"--node-id", "2", "--raft-addr", "n2:5002"};
  args.insert(args.end(), more.begin(), more.end());
  return run(server::cluster_join, args, data, variables);
}

std::string secret_of(const std::string& data) { return read_file(data + "/cluster.secret"); }

}  // namespace

TEST_CASE("init makes a secret that nobody else can read, and each another one") {
  const TemporaryDirectory directory;
  REQUIRE(init(directory / "1").code == 0);
  REQUIRE(init(directory / "2").code == 0);
  const std::string secret = secret_of(directory / "1");
  CHECK(secret.starts_with("ipam_cluster_"));
  CHECK(secret.size() == 13 + 64 + 1);
  CHECK(secret != secret_of(directory / "2"));
  struct ::stat status = {};
  REQUIRE(::stat((directory / "1/cluster.secret").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(init(directory / "3", {"--output", "json"}).out.find("secret") == std::string::npos);
}

TEST_CASE("join copies a secret from a file or the environment, and makes none itself") {
  const TemporaryDirectory directory;
  write_file(directory / "given", given + "\r\n");
  write_file(directory / "other", other);
  const Outcome none = join(directory / "1");
  CHECK(none.code == 0);
  CHECK(none.out.find("Cluster secret: none.") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(directory / "1/cluster.secret"));
  CHECK(join(directory / "2", {"--secret-file", directory / "given"}).code == 0);
  CHECK(join(directory / "3", {}, {{"IPAM_CLUSTER_SECRET", given}}).code == 0);
  CHECK(join(directory / "4", {}, {{"IPAM_CLUSTER_SECRET_FILE", directory / "given"}}).code == 0);
  // The option wins, then the text.
  const Variables both{{"IPAM_CLUSTER_SECRET", given},
                       {"IPAM_CLUSTER_SECRET_FILE", directory / "other"}};
  CHECK(join(directory / "5", {}, both).code == 0);
  CHECK(join(directory / "6", {"--secret-file", directory / "given"},
             {{"IPAM_CLUSTER_SECRET", other}})
            .code == 0);
  CHECK(init(directory / "7", {"--secret-file", directory / "given"}).code == 0);
  for (const std::string name : {"2", "3", "4", "5", "6", "7"}) {
    CAPTURE(name);
    CHECK(secret_of(directory / name) == given + "\n");
  }
}

TEST_CASE("a secret that lies in the directory stays, and no other takes its place") {
  const TemporaryDirectory directory;
  write_file(directory / "other", other);
  for (const std::string name : {"1", "2"}) {
    std::filesystem::create_directory(directory / name);
    write_file(directory / name + "/cluster.secret", given);
  }
  const Outcome refused = init(directory / "1", {"--secret-file", directory / "other"});
  CHECK(refused.code == 1);
  CHECK(refused.err.find("is there and is another secret") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(directory / "1/cluster.json"));
  CHECK(init(directory / "1").code == 0);
  CHECK(join(directory / "2").code == 0);
  CHECK(secret_of(directory / "1") == given);
  CHECK(secret_of(directory / "2") == given);
}

TEST_CASE("what is no secret is wrong usage before anything is touched, and is never shown") {
  const TemporaryDirectory directory;
  const auto check = [&directory](const std::string& text, const std::string& message) {
    CAPTURE(message);
    write_file(directory / "bad", text);
    for (const Outcome& outcome :
         {init(directory / "d", {"--secret-file", directory / "bad"}),
          join(directory / "d", {}, {{"IPAM_CLUSTER_SECRET_FILE", directory / "bad"}})}) {
      CHECK(outcome.code == 2);
      CHECK(outcome.err == "Error: " + (directory / "bad") + message + "\n");
      CHECK_FALSE(std::filesystem::exists(directory / "d"));
    }
  };
  check("", " is empty");
  check(" \n", " is empty");
  check(std::string(31, 'x'), " must have from 32 to 512 characters, not 31");
  check(std::string(513, 'x'), " must have from 32 to 512 characters, not 513");
  check(given + "\n" + given, " must be one line of printable ASCII without blanks");
  check(given + "\xc3\xa4", " must be one line of printable ASCII without blanks");
  CHECK(init(directory / "d", {"--secret-file", directory / "none"}).err ==
        "Error: cannot read " + (directory / "none") + ": No such file or directory\n");
  CHECK(init(directory / "d", {"--secret-file", directory.path()}).code == 2);
  CHECK(init(directory / "d", {"--secret-file", ""}).err ==
        "Error: --secret-file must not be empty\n");
  CHECK(init(directory / "d", {}, {{"IPAM_CLUSTER_SECRET", "short"}}).err.starts_with(
      "Error: IPAM_CLUSTER_SECRET must have"));
}

TEST_CASE("a server takes the secret of its directory, or what option and environment say") {
  const TemporaryDirectory directory;
  write_file(directory / "other", other);
  REQUIRE(init(directory / "1", {}, {{"IPAM_CLUSTER_SECRET", given}}).code == 0);
  const auto secret = [&](std::vector<std::string> args, const Variables& variables) {
    args.insert(args.end(), {"--cluster", "--config", directory / "1/cluster.json"});
    const auto options = server::parse_server_options(args, environment_of(variables));
    return options ? options->cluster_secret : options.error().message;
  };
  CHECK(secret({}, {}) == given);
  CHECK(secret({"--peer-auth", "required"}, {}) == given);
  CHECK(secret({"--cluster-secret-file", directory / "other"}, {}) == other);
  const std::string third(33, 't');
  CHECK(secret({}, {{"IPAM_CLUSTER_SECRET", third}}) == third);
  CHECK(secret({}, {{"IPAM_CLUSTER_SECRET_FILE", directory / "other"}}) == other);
  CHECK(secret({}, {{"IPAM_CLUSTER_SECRET", third},
                    {"IPAM_CLUSTER_SECRET_FILE", directory / "other"}}) == third);
  CHECK(secret({"--cluster-secret-file", directory / "other"}, {{"IPAM_CLUSTER_SECRET", third}}) ==
        other);
  CHECK(secret({"--cluster-secret-file", directory / "none"}, {}).starts_with("cannot read "));
  write_file(directory / "1/cluster.secret", "damaged");
  CHECK(secret({}, {}) ==
        (directory / "1/cluster.secret") + " must have from 32 to 512 characters, not 7");
}

TEST_CASE("cluster.json may give peer_auth, and required without a secret says what to do") {
  const TemporaryDirectory directory;
  REQUIRE(join(directory / "2").code == 0);
  const std::string config = directory / "2/cluster.json";
  const auto parse = [&](std::vector<std::string> args, const Variables& variables = {}) {
    args.insert(args.end(), {"--cluster", "--config", config});
    return server::parse_server_options(args, environment_of(variables));
  };
  CHECK_FALSE(parse({})->peer_auth_required);
  const auto refused = parse({"--peer-auth", "required"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == cli::ExitCode::usage);
  CHECK(refused.error().message ==
        "--peer-auth required needs the cluster's secret, and there is none: copy cluster.secret "
        "of another node to " +
            (directory / "2/cluster.secret") +
            ", name it with --cluster-secret-file, or give the nodes certificates "
            "(--peer-tls-cert)");
  std::string text = read_file(config);
  text.replace(text.find('{'), 1, "{\"peer_auth\": \"required\", \"auth\": \"required\",");
  write_file(config, text);
  CHECK_FALSE(parse({}));
  const Variables secret{{"IPAM_CLUSTER_SECRET", given}};
  CHECK(parse({}, secret)->peer_auth_required);
  CHECK(parse({}, secret)->auth_required);
  CHECK_FALSE(parse({}, {{"IPAM_PEER_AUTH", "off"}})->peer_auth_required);
  CHECK(parse({"--peer-auth", "off"}, {{"IPAM_PEER_AUTH", "required"}})->cluster_secret == "");
}

TEST_CASE("TLS between the nodes takes three files, and is proof enough where proof is required") {
  const TemporaryDirectory directory;
  REQUIRE(join(directory / "2").code == 0);
  const std::string config = directory / "2/cluster.json";
  const auto parse = [&](std::vector<std::string> args) {
    args.insert(args.end(), {"--cluster", "--config", config});
    return server::parse_server_options(args, environment_of({}));
  };
  CHECK(parse({"--peer-tls-cert", "c"}).error().message ==
        "--peer-tls-cert needs --peer-tls-ca as well");
  CHECK(parse({"--peer-tls-cert", "c", "--peer-tls-ca", "a"}).error().message ==
        "--peer-tls-ca needs --peer-tls-key as well");
  const auto all = parse({"--peer-tls-cert", "c", "--peer-tls-key", "k", "--peer-tls-ca", "a",
                          "--peer-auth", "required"});
  REQUIRE(all);
  CHECK(all->peer_tls_cert == "c");
  CHECK(all->cluster_secret == "");
  // In cluster.json a file is relative to its folder.
  std::string text = read_file(config);
  text.replace(text.find('{'), 1, R"({"peer_tls_cert": "c", "peer_tls_key": "k",
                                      "peer_tls_ca": "/etc/ca",)");
  write_file(config, text);
  const auto from_file = parse({});
  REQUIRE(from_file);
  CHECK(from_file->peer_tls_cert == directory / "2/c");
  CHECK(from_file->peer_tls_ca == "/etc/ca");
}
