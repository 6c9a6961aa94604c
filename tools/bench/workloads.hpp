// What the load generator asks ipam and etcd.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "bench/http_load.hpp"

namespace bench {

// One and the same request, again and again; done with the status that is wanted.
class SameRequest : public Workload {
 public:
  SameRequest(std::string bytes, int status) : bytes_(std::move(bytes)), status_(status) {}
  std::string_view request(std::size_t) override { return bytes_; }
  bool accept(std::size_t, const http::Response& response) override {
    return response.status == status_;
  }

 private:
  const std::string bytes_;
  const int status_;
};

// POST /allocations of the next free address. Throws where an address comes a second time.
class Allocate : public Workload {
 public:
  explicit Allocate(const std::string& network_id);
  std::string_view request(std::size_t) override { return bytes_; }
  bool accept(std::size_t client, const http::Response& response) override;
  std::uint64_t addresses() const { return seen_.size(); }

 private:
  const std::string bytes_;
  std::unordered_set<std::uint32_t> seen_;
};

// One transaction of many allocations in one network.
class AllocateMany : public Workload {
 public:
  AllocateMany(const std::string& network_id, std::size_t count);
  std::string_view request(std::size_t) override { return bytes_; }
  bool accept(std::size_t client, const http::Response& response) override {
    return (void)client, response.status == 200 || response.status == 201;
  }

 private:
  std::string bytes_;
};

// etcd's put of a value of 100 bytes under a key of its own for each client and number.
class EtcdPut : public Workload {
 public:
  explicit EtcdPut(std::size_t clients);
  std::string_view request(std::size_t client) override;
  bool accept(std::size_t client, const http::Response& response) override {
    return (void)client, response.status == 200;
  }

 private:
  std::uint64_t number_ = 0;
  std::vector<std::string> requests_;  // of each client
};

// GET of addresses that are held, one after another.
class ReadAddresses : public Workload {
 public:
  ReadAddresses(std::size_t clients, std::uint32_t count, bool is_stale);
  std::string_view request(std::size_t client) override;
  bool accept(std::size_t client, const http::Response& response) override {
    return (void)client, response.status == 200;
  }

 private:
  const std::uint32_t count_;
  const bool is_stale_;
  std::uint32_t next_ = 0;
  std::vector<std::string> requests_;
};

}  // namespace bench
