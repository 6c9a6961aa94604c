// Tokens: made, revoked, used.
#include <fmt/format.h>

#include <algorithm>

#include "ipam/decision.hpp"

namespace ipam {

namespace {

const Token* find(const TokenTable& tokens, const TokenReference& reference) {
  if (const auto* id = std::get_if<TokenId>(&reference)) return tokens.find(*id);
  return tokens.find(std::string_view(std::get<std::string>(reference)));
}

Error token_not_found(const TokenReference& reference) {
  const auto* id = std::get_if<TokenId>(&reference);
  return {ErrorCode::token_not_found,
          "token not found: " + (id != nullptr ? to_string(*id)
                                               : std::get<std::string>(reference))};
}

// "ci (editor)", "ci (editor of vrf-2, vrf-3)"
std::string described(const Token& token) {
  std::string vrfs;
  for (const VrfId vrf : token.vrfs) vrfs += (vrfs.empty() ? " of " : ", ") + to_string(vrf);
  return fmt::format("{} ({}{})", token.name, to_string(token.role), vrfs);
}

}  // namespace

Outcome Decision::decide(const CreateToken& command) {
  const TokenTable& tokens = plan.tokens();
  if (const Token* existing = tokens.find(std::string_view(command.name)))
    return Error{ErrorCode::token_exists, fmt::format("token {} already exists as {}",
                                                      command.name, to_string(existing->id))};
  if (tokens.find(command.hash) != nullptr)
    return Error{ErrorCode::invalid_argument, "a token with this secret already exists"};
  if (tokens.all().size() >= tokens_max)
    return Error{ErrorCode::too_many_tokens,
                 fmt::format("there are {} tokens already: revoke one first", tokens_max)};
  Token token;
  for (const VrfReference& reference : command.vrfs) {
    const VrfState* const vrf = plan.vrf(reference);
    if (vrf == nullptr) return vrf_not_found(reference);
    token.vrfs.push_back(vrf->vrf.id);
  }
  std::sort(token.vrfs.begin(), token.vrfs.end());
  token.vrfs.erase(std::unique(token.vrfs.begin(), token.vrfs.end()), token.vrfs.end());
  token.expires_at = command.expires_at;
  if (command.ttl_seconds)
    token.expires_at = counters.now + static_cast<TimeMs>(*command.ttl_seconds) * 1000;
  if (token.is_expired(counters.now))
    return Error{ErrorCode::invalid_argument, "expires_at must lie in the future"};
  token.id = TokenId(counters.next_token++);
  token.name = command.name;
  token.role = command.role;
  token.hash = command.hash;
  token.created_at = counters.now;
  token.revision = revision;
  changes.push_back(TokenPut{token});
  audit("token_created", to_string(token.id), "Created token " + described(token));
  plan.put_token(token);
  return token;
}

Outcome Decision::decide(const RevokeToken& command) {
  const Token* const token = find(plan.tokens(), command.token);
  if (token == nullptr) return token_not_found(command.token);
  const TokenId id = token->id;
  changes.push_back(TokenRevoked{id});
  audit("token_revoked", to_string(id), "Revoked token " + described(*token));
  plan.remove_token(id);
  return std::monostate();
}

Outcome Decision::decide(const TouchTokens& command) {
  for (const TokenId id : command.tokens) {
    const Token* const there = plan.tokens().find(id);
    if (there == nullptr || there->last_used_at == counters.now) continue;
    Token token = *there;
    token.last_used_at = counters.now;
    changes.push_back(TokenPut{token});
    plan.put_token(std::move(token));
  }
  return std::monostate();
}

}  // namespace ipam
