#include "bench/workloads.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <stdexcept>

namespace bench {
namespace {

std::string base64(std::string_view text) {
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j)
      out += i + j > text.size() ? '=' : digits[group >> (18 - 6 * j) & 63];
  }
  return out;
}

// The first text under `key`; a parser of JSON would take more time than the server does.
std::string text_of(std::string_view body, std::string_view key) {
  const std::string quoted = fmt::format("\"{}\":\"", key);
  const std::size_t at = body.find(quoted);
  if (at == std::string_view::npos)
    throw std::runtime_error(fmt::format("an answer without {}: {}", key, body));
  const std::string_view rest = body.substr(at + quoted.size());
  return std::string(rest.substr(0, rest.find('"')));
}

std::uint32_t address_of(std::string_view body) {
  in_addr address{};
  if (::inet_pton(AF_INET, text_of(body, "ip").c_str(), &address) != 1)
    throw std::runtime_error(fmt::format("an answer with a strange address: {}", body));
  return ntohl(address.s_addr);
}

}  // namespace

void HeldAddresses::take(std::uint32_t address) {
  if (address >> 24 != 10) throw std::runtime_error(fmt::format("{:#x} is elsewhere", address));
  auto bit = is_held_[address & 0xff'ffff];
  if (bit) throw std::runtime_error(fmt::format("{:#x} was handed out twice", address));
  bit = true;
  ++count_;
}

void HeldAddresses::give_back(std::uint32_t address) {
  is_held_[address & 0xff'ffff] = false;
  --count_;
}

Allocate::Allocate(const std::string& network_id)
    : bytes_(request_bytes("POST", "/api/v1/allocations",
                           fmt::format(R"({{"network_id":"{}","hostname":"bench"}})",
                                       network_id))) {}

bool Allocate::accept(std::size_t, const http::Response& response) {
  if (response.status != 201) return false;
  held_.take(address_of(response.body));
  return true;
}

AllocateAndRelease::AllocateAndRelease(const std::string& network_id, std::size_t clients)
    : allocate_(request_bytes("POST", "/api/v1/allocations",
                              fmt::format(R"({{"network_id":"{}","hostname":"bench"}})",
                                          network_id))),
      clients_(clients) {}

std::string_view AllocateAndRelease::request(std::size_t client) {
  Client& state = clients_[client];
  if (state.release.empty()) return allocate_;
  // It may be handed out again before this client sees that it is free. Where it was releasing it
  // already, the answer was lost with the end of a run.
  if (!state.is_releasing) held_.give_back(state.address);
  state.is_releasing = true;
  return state.release;
}

bool AllocateAndRelease::accept(std::size_t client, const http::Response& response) {
  Client& state = clients_[client];
  if (state.is_releasing) {
    if (response.status != 204 && response.status != 409) return false;  // 409: done before
    state.release.clear();
    state.is_releasing = false;
    return true;
  }
  if (response.status != 201) return false;
  state.address = address_of(response.body);
  held_.take(state.address);
  state.release = request_bytes(
      "POST", fmt::format("/api/v1/allocations/{}/release", text_of(response.body, "id")));
  return true;
}

AllocateMany::AllocateMany(const std::string& network_id, std::size_t count) {
  std::string operations;
  for (std::size_t i = 0; i < count; ++i)
    operations += fmt::format(
        R"({}{{"op":"allocation.create","network_id":"{}","hostname":"bench"}})",
        i == 0 ? "" : ",", network_id);
  bytes_ = request_bytes("POST", "/api/v1/transactions",
                         fmt::format(R"({{"operations":[{}]}})", operations));
}

EtcdPut::EtcdPut(std::size_t clients) : requests_(clients) {}

std::string_view EtcdPut::request(std::size_t client) {
  static const std::string value = base64(std::string(100, 'v'));
  const std::string key = base64(fmt::format("bench/{:012}", ++number_));
  const std::string body = fmt::format(R"({{"key":"{}","value":"{}"}})", key, value);
  requests_[client] = request_bytes("POST", "/v3/kv/put", body);
  return requests_[client];
}

ReadObjects::ReadObjects(Read what, std::string network_id, std::size_t clients,
                         std::uint32_t count, bool is_stale)
    : what_(what), network_id_(std::move(network_id)), count_(count), is_stale_(is_stale),
      requests_(clients) {}

std::string ReadObjects::target(std::uint32_t number) const {
  switch (what_) {
    case Read::address:
      return fmt::format("addresses/10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255,
                         number & 255);
    case Read::allocation: return fmt::format("allocations/alloc-{}", number);
    case Read::network: break;
  }
  return "networks/" + network_id_;
}

std::string_view ReadObjects::request(std::size_t client) {
  requests_[client] =
      request_bytes("GET", fmt::format("/api/v1/{}{}", target(1 + next_++ % count_),
                                       is_stale_ ? "?consistency=stale" : ""));
  return requests_[client];
}

}  // namespace bench
