// What the load generator asks ipam and etcd.
#pragma once

#include <cstdint>
#include <string>
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

// Addresses of 10.0.0.0/8: a bit for each.
class HeldAddresses {
 public:
  // Throws where it is held already, or lies elsewhere.
  void take(std::uint32_t address);
  void give_back(std::uint32_t address);
  std::uint64_t count() const { return count_; }

 private:
  std::vector<bool> is_held_ = std::vector<bool>(std::size_t{1} << 24);
  std::uint64_t count_ = 0;
};

// POST /allocations of the next free address. Throws where an address comes a second time.
class Allocate : public Workload {
 public:
  explicit Allocate(const std::string& network_id);
  std::string_view request(std::size_t) override { return bytes_; }
  bool accept(std::size_t client, const http::Response& response) override;
  std::uint64_t addresses() const { return held_.count(); }

 private:
  const std::string bytes_;
  HeldAddresses held_;
};

// The same, and every second request of a client releases what the one before it got: the state
// stays as small as it is, history and log grow. Throws where an address comes that is held.
class AllocateAndRelease : public Workload {
 public:
  AllocateAndRelease(const std::string& network_id, std::size_t clients);
  std::string_view request(std::size_t client) override;
  bool accept(std::size_t client, const http::Response& response) override;

 private:
  struct Client {
    std::string release;  // the request; empty: it holds nothing
    std::uint32_t address = 0;
    bool is_releasing = false;
  };

  const std::string allocate_;
  HeldAddresses held_;
  std::vector<Client> clients_;
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

// What a read asks for.
enum class Read { address, allocation, network };

// GET of one object after another, of `count` (address, allocation) that are held: 10.0.0.1 and
// alloc-1 are the first. A network is the one of `network_id`.
class ReadObjects : public Workload {
 public:
  ReadObjects(Read what, std::string network_id, std::size_t clients, std::uint32_t count,
              bool is_stale);
  std::string_view request(std::size_t client) override;
  bool accept(std::size_t client, const http::Response& response) override {
    return (void)client, response.status == 200;
  }

 private:
  std::string target(std::uint32_t number) const;

  const Read what_;
  const std::string network_id_;
  const std::uint32_t count_;
  const bool is_stale_;
  std::uint32_t next_ = 0;
  std::vector<std::string> requests_;
};

}  // namespace bench
