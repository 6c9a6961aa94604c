// TLS without a socket: bytes from the network in, bytes for the network out, plain bytes on the
// other side. So the same code serves asio's sockets and blocking ones, and tests and fuzzers need
// neither. One per connection; one thread.
//
// A wait that is given up harms nothing: what was fed stays, and what was not can still come.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/tls_context.hpp"

struct ssl_st;
struct bio_st;
struct x509_store_ctx_st;

namespace net {

struct PeerCertificate {
  std::string subject;             // on one line
  std::vector<std::string> names;  // the DNS names and addresses that it was made for
  std::string fingerprint;         // the SHA-256 of its DER form, 64 lower case digits
  std::chrono::system_clock::time_point not_after;
};

class TlsEngine {
 public:
  enum class Step : unsigned char {
    done,
    need_input,  // feed() what the network gives, then again
    closed,      // the other side has said that nothing follows; and so from then on
    failed,      // failure() says why; of no more use, but output() may hold an alert to send
  };

  // The side is the context's. `host`: of a client, whom the certificate has to name, a DNS name or
  // an address; empty: any that the context trusts.
  TlsEngine(TlsContext::Pointer context, const std::string& host = {});
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  // Bytes that came from the network.
  void feed(std::string_view bytes);
  // Takes all that has to be sent to the network, in the order of the calls, appended to `to`.
  void take_output(std::string& to);
  std::size_t output_bytes() const;
  bool has_output() const { return output_bytes() > 0; }

  Step handshake();
  // REQUIRES for both: handshake() was done. `read` and `taken` count plain bytes.
  Step read(std::span<char> into, std::size_t& read);
  // Takes everything, or fails: output() grows by a little more than `bytes`.
  Step write(std::string_view bytes);
  // Says that nothing follows (close_notify). What comes may still be read.
  void close();

  const std::string& failure() const { return failure_; }
  // It failed because the other side said that it does not accept our certificate.
  bool blames_certificate() const { return blames_certificate_; }
  // Where it failed because the certificate of the other side is not trusted: why not.
  enum class Distrust : unsigned char { none, unknown_issuer, other_host, other };
  Distrust distrust() const;
  const char* distrust_text() const;
  // The names in that certificate.
  const std::vector<std::string>& refused_names() const { return refused_names_; }
  // The other side's, after the handshake; a client's server always has one.
  std::optional<PeerCertificate> peer_certificate() const;
  const char* version() const;  // "TLSv1.3"

 private:
  Step step_of(int result);
  void renew_input();
  static int note_refused(int is_good, x509_store_ctx_st* store);

  TlsContext::Pointer context_;  // callbacks point into it
  ssl_st* native_ = nullptr;
  bio_st* input_ = nullptr;   // both owned by native_
  bio_st* output_ = nullptr;
  std::size_t fed_bytes_ = 0;  // since input_ is new
  std::string failure_;
  bool blames_certificate_ = false;
  long verified_ = 0;  // X509_V_OK, or why the certificate was refused
  std::vector<std::string> refused_names_;
};

}  // namespace net
