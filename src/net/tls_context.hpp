// What the TLS of a side consists of: its certificate with chain and key, and whom it trusts; read
// once from PEM files and never changed. A reload makes a new one for the connections that come
// after it, while those under way keep theirs. Any thread.
//
// Always so: TLS 1.2 and newer, forward secrecy and authenticated encryption alone, no compression,
// no renegotiation.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

struct ssl_ctx_st;

namespace net {

struct ServerTls {
  std::string certificate_file;  // PEM: the server's own first, then those between it and its CA
  std::string key_file;          // PEM, not encrypted
  // PEM: who signs the certificates of clients, which then have to show one. Empty: nobody has to.
  std::string client_ca_file;
  // What ALPN (RFC 7301) agrees on where the client asks for it. Empty: ALPN is left alone.
  std::string protocol;
};

struct ClientTls {
  // PEM: whom to trust instead of the system's list, which counts where this is empty.
  std::string ca_file;
  // Where not empty, this one certificate is trusted and no other, whoever signed it and whatever
  // names it holds: the SHA-256 of its DER form in 64 lower case hexadecimal digits.
  std::string fingerprint;
  // What the client shows where it is asked; both or neither.
  std::string certificate_file;
  std::string key_file;
  std::string protocol;  // offered by ALPN
};

class TlsContext {
 public:
  using Pointer = std::shared_ptr<const TlsContext>;

  // The error is one line that names the file and what is wrong with it.
  static base::Result<Pointer, std::string> server(const ServerTls& tls);
  static base::Result<Pointer, std::string> client(const ClientTls& tls);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // What is not an error and yet wants a log line: a certificate that is over or nearly.
  const std::vector<std::string>& warnings() const { return warnings_; }
  // Of the own certificate; empty and the epoch for a client without one.
  const std::string& fingerprint() const { return fingerprint_; }
  std::chrono::system_clock::time_point not_after() const { return not_after_; }

  bool is_server() const { return is_server_; }
  ssl_ctx_st* native() const { return native_; }

 private:
  explicit TlsContext(bool is_server);
  using Done = base::Result<base::Ok, std::string>;
  Done load_own(const std::string& certificate_file, const std::string& key_file);
  Done load_trusted(const std::string& ca_file);
  void select_protocol();
  void pin();

  const bool is_server_;
  ssl_ctx_st* native_ = nullptr;
  std::vector<std::string> warnings_;
  std::string fingerprint_;
  std::chrono::system_clock::time_point not_after_{};
  std::string pinned_;                // the fingerprint that a client trusts
  std::vector<unsigned char> protocol_;  // as ALPN has it: the length before the name
};

}  // namespace net
