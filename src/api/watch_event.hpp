// What became of one revision, for those who watch: as the changes themselves until somebody wants
// to read it, for a rendered one costs some times as much as what it tells of. Pure.
#pragma once

#include <string>
#include <vector>

#include "ipam/change.hpp"

namespace api {

// Bookkeeping of the state, such as how requests are kept apart, is not: its audit entry, if it has
// one, is.
bool is_shown(const ipam::Change& change);

// "id: 17\ndata: {…}\n\n". JSON has no line feeds, so one data line. REQUIRES: one is shown, at
// least; the others are left out.
std::string event_text(ipam::Revision revision, const std::vector<ipam::Change>& changes);

// What a change takes, all that it points to included; about, and rather too much.
std::size_t bytes_of(const ipam::Change& change);

}  // namespace api
