#include "net/tls_context.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <new>
#include <utility>

#include "net/certificate.hpp"

namespace net {
namespace {

using Clock = std::chrono::system_clock;

// Of TLS 1.2: ephemeral keys and authenticated encryption (RFC 9325 §4.2). Those of TLS 1.3 are
// all of that kind.
constexpr const char* ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
// So that whoever renews certificates by hand reads of it in time.
constexpr std::chrono::hours expiry_warning{14 * 24};

std::string text_of(Clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(Clock::to_time_t(time)));
}

}  // namespace

TlsContext::TlsContext(bool is_server)
    : is_server_(is_server), native_(SSL_CTX_new(is_server ? TLS_server_method()
                                                           : TLS_client_method())) {
  if (native_ == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(native_, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(native_, ciphers);
  SSL_CTX_set_options(native_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Idle connections keep no buffers, and a record may leave before all of a large body fits.
  SSL_CTX_set_mode(native_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Tickets do; a cache would hold what anybody has made up.
  SSL_CTX_set_session_cache_mode(native_, SSL_SESS_CACHE_OFF);
}

TlsContext::~TlsContext() { SSL_CTX_free(native_); }

base::Result<TlsContext::Pointer, std::string> TlsContext::server(const ServerTls& tls) {
  std::shared_ptr<TlsContext> context(new TlsContext(true));
  if (auto done = context->load_own(tls.certificate_file, tls.key_file); !done)
    return base::fail(done.error());
  if (!tls.client_ca_file.empty()) {
    if (auto done = context->load_trusted(tls.client_ca_file); !done)
      return base::fail(done.error());
    SSL_CTX_set_verify(context->native_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       nullptr);
    // Whoever resumes shows no certificate again: one that is over would go on for ever.
    SSL_CTX_set_options(context->native_, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context->native_, 0);
  }
  if (!tls.protocol.empty()) {
    context->protocol_.push_back(static_cast<unsigned char>(tls.protocol.size()));
    context->protocol_.insert(context->protocol_.end(), tls.protocol.begin(), tls.protocol.end());
    context->select_protocol();
  }
  return Pointer(std::move(context));
}

base::Result<TlsContext::Pointer, std::string> TlsContext::client(const ClientTls& tls) {
  std::shared_ptr<TlsContext> context(new TlsContext(false));
  SSL_CTX_set_verify(context->native_, SSL_VERIFY_PEER, nullptr);
  if (!tls.fingerprint.empty()) {
    context->pinned_ = tls.fingerprint;
    context->pin();
  } else if (!tls.ca_file.empty()) {
    if (auto done = context->load_trusted(tls.ca_file); !done) return base::fail(done.error());
  } else if (SSL_CTX_set_default_verify_paths(context->native_) != 1) {
    return base::fail("cannot read the system's list of CAs: " + take_openssl_error());
  }
  if (!tls.certificate_file.empty()) {
    if (auto done = context->load_own(tls.certificate_file, tls.key_file); !done)
      return base::fail(done.error());
  }
  if (!tls.protocol.empty()) {
    context->protocol_.push_back(static_cast<unsigned char>(tls.protocol.size()));
    context->protocol_.insert(context->protocol_.end(), tls.protocol.begin(), tls.protocol.end());
    SSL_CTX_set_alpn_protos(context->native_, context->protocol_.data(),
                            static_cast<unsigned>(context->protocol_.size()));
  }
  return Pointer(std::move(context));
}

TlsContext::Done TlsContext::load_own(const std::string& certificate_file,
                                      const std::string& key_file) {
  auto chain = read_certificates(certificate_file);
  if (!chain) return base::fail(chain.error());
  const auto key = read_key(key_file);
  if (!key) return base::fail(key.error());
  const Certificate& own = chain->front();
  if (X509_check_private_key(own.get(), key->get()) != 1) {
    ERR_clear_error();
    return base::fail(
        fmt::format("the private key in {} is not that of the first certificate in {}", key_file,
                    certificate_file));
  }
  ERR_clear_error();
  bool taken = SSL_CTX_use_certificate(native_, own.get()) == 1 &&
               SSL_CTX_use_PrivateKey(native_, key->get()) == 1;
  for (std::size_t i = 1; taken && i < chain->size(); ++i)
    taken = SSL_CTX_add1_chain_cert(native_, (*chain)[i].get()) == 1;
  if (!taken)
    return base::fail(fmt::format("cannot use the certificate in {}: {}", certificate_file,
                                  take_openssl_error()));
  fingerprint_ = fingerprint_of(*own);
  not_after_ = not_after_of(*own);
  const Clock::time_point now = Clock::now();
  if (not_before_of(*own) > now)
    warnings_.push_back(fmt::format("the certificate in {} is not valid before {}",
                                    certificate_file, text_of(not_before_of(*own))));
  if (not_after_ <= now)
    warnings_.push_back(
        fmt::format("the certificate in {} expired at {}", certificate_file, text_of(not_after_)));
  else if (not_after_ - now < expiry_warning)
    warnings_.push_back(
        fmt::format("the certificate in {} expires at {}", certificate_file, text_of(not_after_)));
  return base::Ok{};
}

TlsContext::Done TlsContext::load_trusted(const std::string& ca_file) {
  const auto trusted = read_certificates(ca_file);
  if (!trusted) return base::fail(trusted.error());
  X509_STORE* store = SSL_CTX_get_cert_store(native_);
  for (const Certificate& ca : *trusted) {
    ERR_clear_error();
    if (X509_STORE_add_cert(store, ca.get()) != 1)
      return base::fail(fmt::format("cannot use {}: {}", ca_file, take_openssl_error()));
    if (is_server_) SSL_CTX_add_client_CA(native_, ca.get());  // which certificates a client offers
  }
  // Whatever stands in the file is trusted, be it a root, one below it, or a server's own.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(native_), X509_V_FLAG_PARTIAL_CHAIN);
  return base::Ok{};
}

// A client that asks for other protocols alone is refused, as RFC 7301 §3.2 says.
void TlsContext::select_protocol() {
  const auto select = [](SSL*, const unsigned char** chosen, unsigned char* chosen_bytes,
                         const unsigned char* offered, unsigned offered_bytes, void* self) {
    const auto& own = static_cast<TlsContext*>(self)->protocol_;
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(&found, chosen_bytes, own.data(), static_cast<unsigned>(own.size()),
                              offered, offered_bytes) != OPENSSL_NPN_NEGOTIATED)
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
  };
  SSL_CTX_set_alpn_select_cb(native_, select, this);
}

void TlsContext::pin() {
  const auto verify = [](X509_STORE_CTX* store, void* self) {
    const X509* shown = X509_STORE_CTX_get0_cert(store);
    if (shown != nullptr && fingerprint_of(*shown) == static_cast<TlsContext*>(self)->pinned_)
      return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
    return 0;
  };
  SSL_CTX_set_cert_verify_callback(native_, verify, this);
}

}  // namespace net
