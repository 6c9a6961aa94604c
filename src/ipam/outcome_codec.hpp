// Outcomes as bytes, for those that are kept under an idempotency key. Pure.
#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "ipam/change.hpp"

namespace ipam {

base::Bytes encode_outcome(const Outcome& outcome);
// nullopt where the bytes are none that encode_outcome gives.
std::optional<Outcome> decode_outcome(base::BytesView bytes);

}  // namespace ipam
