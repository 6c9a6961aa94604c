// The secret that the nodes of a cluster share and prove to each other on the raft port: the file
// cluster.secret of a data directory, one line of text. Made by `ipam cluster init`, copied to the
// other nodes by whoever runs them. It is in no backup and in no snapshot.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "cli/arguments.hpp"

namespace server {

inline constexpr std::string_view cluster_secret_name = "cluster.secret";
// Below, it could be guessed by whoever has heard a proof; a made one has 77.
inline constexpr std::size_t cluster_secret_bytes_min = 32;
inline constexpr std::size_t cluster_secret_bytes_max = 512;

// The text without white space around it. The error, after the name of the source, says what is
// wrong and never the text itself.
base::Result<std::string, std::string> check_cluster_secret(std::string_view source,
                                                            std::string_view text);

// The error names the file.
base::Result<std::string, std::string> read_cluster_secret(const std::string& file);

// What was given beside a data directory: `file` where it is not empty, IPAM_CLUSTER_SECRET (the
// text itself), or the file that IPAM_CLUSTER_SECRET_FILE names. nullopt: nothing was.
base::Result<std::optional<std::string>, std::string> given_cluster_secret(
    const std::string& file, const cli::Environment& environment);

// The one in the data directory; nullopt: there is none.
base::Result<std::optional<std::string>, std::string> kept_cluster_secret(
    const std::string& directory);

// Into the data directory, for its owner alone. One that is there already is never replaced: an
// error unless it is the same.
base::Result<base::Ok, std::string> keep_cluster_secret(const std::string& directory,
                                                        const std::string& secret);

}  // namespace server
