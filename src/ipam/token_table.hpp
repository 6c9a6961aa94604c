// The tokens: by id, by name and by the hash of their secret. Part of the replicated state. Pure;
// owned by AddressPlan.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "ipam/model.hpp"

namespace ipam {

class TokenTable {
 public:
  // nullptr: no such token.
  const Token* find(TokenId id) const;
  const Token* find(std::string_view name) const;
  // The comparison takes as long for every hash that begins as a token's does.
  const Token* find(const base::Sha256& hash) const;

  // Adds it, or replaces the one of the same id. REQUIRES: no other has its name.
  void put(Token token);
  // REQUIRES: it exists.
  Token remove(TokenId id);

  const std::map<TokenId, Token>& all() const { return tokens_; }

 private:
  void forget_keys(const Token& token);

  std::map<TokenId, Token> tokens_;
  std::map<std::string, TokenId, std::less<>> names_;
  std::multimap<std::uint64_t, TokenId> by_hash_;  // by how their hash begins
};

}  // namespace ipam
