#include "ipam/token_table.hpp"

#include <utility>

#include "base/assert.hpp"

namespace ipam {

namespace {

std::uint64_t beginning_of(const base::Sha256& hash) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) value = value << 8 | hash[i];
  return value;
}

}  // namespace

const Token* TokenTable::find(TokenId id) const {
  const auto it = tokens_.find(id);
  return it == tokens_.end() ? nullptr : &it->second;
}

const Token* TokenTable::find(std::string_view name) const {
  const auto it = names_.find(name);
  return it == names_.end() ? nullptr : &tokens_.at(it->second);
}

const Token* TokenTable::find(const base::Sha256& hash) const {
  const auto [begin, end] = by_hash_.equal_range(beginning_of(hash));
  for (auto it = begin; it != end; ++it) {
    const Token& token = tokens_.at(it->second);
    if (base::equal_in_constant_time(token.hash, hash)) return &token;
  }
  return nullptr;
}

void TokenTable::put(Token token) {
  const TokenId id = token.id;
  if (const auto it = tokens_.find(id); it != tokens_.end()) forget_keys(it->second);
  const bool is_free = names_.emplace(token.name, id).second;
  ASSERT(is_free);
  by_hash_.emplace(beginning_of(token.hash), id);
  tokens_.insert_or_assign(id, std::move(token));
}

Token TokenTable::remove(TokenId id) {
  const auto it = tokens_.find(id);
  ASSERT(it != tokens_.end());
  forget_keys(it->second);
  Token removed = std::move(it->second);
  tokens_.erase(it);
  return removed;
}

void TokenTable::forget_keys(const Token& token) {
  names_.erase(token.name);
  const auto [begin, end] = by_hash_.equal_range(beginning_of(token.hash));
  for (auto it = begin; it != end; ++it)
    if (it->second == token.id) {
      by_hash_.erase(it);
      return;
    }
}

}  // namespace ipam
