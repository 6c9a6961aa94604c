// Runs a golden script: a few nodes without a clock, whose every step is a line of the script.
//
//   nodes 3            three voters, all followers; the first line
//   log 2 1 1 3        node 2 starts with durable entries of these terms (and term 3); before the
//                      first step of any node; "term 2 5" likewise
//   waiting 4          node 4 exists, knows nothing and waits to be added
//   tick 1 [n]         n ticks of node 1's clock
//   campaign 1         ticks until node 1 asks for (pre-)votes
//   deliver [1->2] [n] delivers what is in flight, at most n messages, until nothing is; all links
//                      or one (replies are delivered only by "deliver")
//   drop [1->2]        loses what is in flight
//   persist 1          node 1's disk finishes what it was told to write
//   manual 1 / auto 1  whether node 1's disk waits for "persist" (at first it does not)
//   propose 1 x        proposes x; "add 1 4", "remove 1 4", "transfer 1 2", "read 1 7" likewise
//   compact 1 5        node 1 forgets its log up to 5
//   crash 1, restart 1 what was not persisted is lost
//   partition 1 | 2 3  messages between the sides are lost; "heal" ends it
//   expect leader 1, expect term 2 5, expect commit 2 5, expect log 2 1/1 2/1,
//   expect applied 2 a b, expect members 2 1v 2v, expect role 1 follower
//   quiet, loud        whether messages are printed
//   # a comment        is kept
//
// Every line is printed, and under it, indented, what it caused. The script file holds exactly
// that output: lines that begin with two blanks are expected, all others are the script.
#pragma once

#include <string>

namespace golden {

// The output for `script` (whose indented lines are ignored). Throws std::runtime_error with the
// line where an expectation fails or a line makes no sense.
std::string run_script(const std::string& script);

}  // namespace golden
