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

// The address of the answer's "ip"; a parser of JSON would take more time than the server does.
std::uint32_t address_of(std::string_view body) {
  static constexpr std::string_view key = "\"ip\":\"";
  const std::size_t at = body.find(key);
  if (at == std::string_view::npos) throw std::runtime_error("an answer without an address");
  const std::string_view rest = body.substr(at + key.size());
  in_addr address{};
  if (::inet_pton(AF_INET, std::string(rest.substr(0, rest.find('"'))).c_str(), &address) != 1)
    throw std::runtime_error(fmt::format("an answer with a strange address: {}", body));
  return ntohl(address.s_addr);
}

}  // namespace

Allocate::Allocate(const std::string& network_id)
    : bytes_(request_bytes("POST", "/api/v1/allocations",
                           fmt::format(R"({{"network_id":"{}","hostname":"bench"}})",
                                       network_id))) {}

bool Allocate::accept(std::size_t, const http::Response& response) {
  if (response.status != 201) return false;
  const std::uint32_t address = address_of(response.body);
  if (!seen_.insert(address).second)
    throw std::runtime_error(fmt::format("{:#x} was handed out twice", address));
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

ReadAddresses::ReadAddresses(std::size_t clients, std::uint32_t count, bool is_stale)
    : count_(count), is_stale_(is_stale), requests_(clients) {}

std::string_view ReadAddresses::request(std::size_t client) {
  const std::uint32_t host = 1 + next_++ % count_;
  requests_[client] = request_bytes(
      "GET", fmt::format("/api/v1/addresses/10.{}.{}.{}{}", host >> 16 & 255, host >> 8 & 255,
                         host & 255, is_stale_ ? "?consistency=stale" : ""));
  return requests_[client];
}

}  // namespace bench
