#include "net/tls_engine.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "net/certificate.hpp"

namespace net {
namespace {

// A memory BIO keeps what it once needed: of a connection that waits, not more than this.
constexpr std::size_t buffer_bytes_kept = 4096;

BIO* new_buffer() {
  BIO* bio = BIO_new(BIO_s_mem());
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_mem_eof_return(bio, -1);  // empty is "not yet", never the end
  return bio;
}

// An alert by which the other side says that it does not accept our certificate, or wants one.
bool is_certificate_alert(unsigned long error) {
  switch (ERR_GET_REASON(error)) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN: return ERR_GET_LIB(error) == ERR_LIB_SSL;
    default: return false;
  }
}

}  // namespace

TlsEngine::TlsEngine(TlsContext::Pointer context, const std::string& host)
    : context_(std::move(context)), native_(SSL_new(context_->native())) {
  if (native_ == nullptr) throw std::bad_alloc();
  input_ = new_buffer();
  output_ = new_buffer();
  SSL_set_bio(native_, input_, output_);
  if (context_->is_server()) {
    SSL_set_accept_state(native_);
    return;
  }
  SSL_set_connect_state(native_);
  SSL_set_app_data(native_, this);
  SSL_set_verify(native_, SSL_VERIFY_PEER, note_refused);
  if (host.empty()) return;
  X509_VERIFY_PARAM* expected = SSL_get0_param(native_);
  if (X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1) return;
  ERR_clear_error();
  X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  X509_VERIFY_PARAM_set1_host(expected, host.c_str(), host.size());
  SSL_set_tlsext_host_name(native_, host.c_str());  // RFC 6066 §3: names, not addresses
}

// Called for each certificate of the chain; a session does not keep one that was refused.
int TlsEngine::note_refused(int is_good, X509_STORE_CTX* store) {
  if (is_good == 1) return 1;
  const auto* const connection = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const self = static_cast<TlsEngine*>(SSL_get_app_data(connection));
  if (const X509* shown = X509_STORE_CTX_get0_cert(store)) self->refused_names_ = names_of(*shown);
  return 0;
}

TlsEngine::~TlsEngine() { SSL_free(native_); }

void TlsEngine::feed(std::string_view bytes) {
  if (bytes.empty()) return;
  ASSERT(bytes.size() <= INT_MAX);
  const int taken = BIO_write(input_, bytes.data(), static_cast<int>(bytes.size()));
  if (taken != static_cast<int>(bytes.size())) throw std::bad_alloc();
  fed_bytes_ += bytes.size();
}

void TlsEngine::renew_input() {
  if (fed_bytes_ <= buffer_bytes_kept || BIO_ctrl_pending(input_) > 0) return;
  input_ = new_buffer();
  SSL_set0_rbio(native_, input_);  // and frees the one before
  fed_bytes_ = 0;
}

void TlsEngine::take_output(std::string& to) {
  const std::size_t bytes = BIO_ctrl_pending(output_);
  if (bytes == 0) return;
  const std::size_t begin = to.size();
  to.resize(begin + bytes);
  const int taken = BIO_read(output_, to.data() + begin, static_cast<int>(bytes));
  ASSERT(taken == static_cast<int>(bytes));
  if (bytes <= buffer_bytes_kept || SSL_is_init_finished(native_) != 1) return;
  output_ = new_buffer();
  SSL_set0_wbio(native_, output_);
}

std::size_t TlsEngine::output_bytes() const { return BIO_ctrl_pending(output_); }

TlsEngine::Step TlsEngine::handshake() {
  ERR_clear_error();
  if (!failure_.empty()) return Step::failed;
  // OpenSSL itself would take up what comes after the end.
  if ((SSL_get_shutdown(native_) & SSL_RECEIVED_SHUTDOWN) != 0) return Step::closed;
  return step_of(SSL_do_handshake(native_));
}

TlsEngine::Step TlsEngine::read(std::span<char> into, std::size_t& read) {
  ERR_clear_error();
  read = 0;
  if (!failure_.empty()) return Step::failed;
  // A call gives what is left of one record; more of them may be there.
  while (read < into.size()) {
    const int room = static_cast<int>(std::min<std::size_t>(into.size() - read, INT_MAX));
    const int result = SSL_read(native_, into.data() + read, room);
    if (result <= 0) {
      const Step step = step_of(result);  // a failure or the end comes again with the next call
      if (step == Step::need_input) renew_input();
      return read > 0 ? Step::done : step;
    }
    read += static_cast<std::size_t>(result);
  }
  return Step::done;
}

TlsEngine::Step TlsEngine::write(std::string_view bytes) {
  ERR_clear_error();
  while (!bytes.empty()) {
    const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX));
    const int taken = SSL_write(native_, bytes.data(), size);
    if (taken <= 0) return step_of(taken) == Step::closed ? Step::closed : Step::failed;
    bytes.remove_prefix(static_cast<std::size_t>(taken));
  }
  return Step::done;
}

void TlsEngine::close() {
  ERR_clear_error();
  // Without a handshake there is nobody to tell.
  if (failure_.empty() && SSL_is_init_finished(native_) == 1) SSL_shutdown(native_);
  ERR_clear_error();
}

TlsEngine::Step TlsEngine::step_of(int result) {
  if (result > 0) return Step::done;
  const int error = SSL_get_error(native_, result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Step::need_input;
  if (error == SSL_ERROR_ZERO_RETURN) return Step::closed;
  if (!failure_.empty()) return Step::failed;
  blames_certificate_ = is_certificate_alert(ERR_peek_error());
  failure_ = take_openssl_error();
  verified_ = SSL_get_verify_result(native_);
  if (verified_ == X509_V_OK) return Step::failed;
  failure_ = fmt::format("the certificate of the other side is not trusted: {}", distrust_text());
  return Step::failed;
}

TlsEngine::Distrust TlsEngine::distrust() const {
  switch (verified_) {
    case X509_V_OK: return Distrust::none;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return Distrust::unknown_issuer;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return Distrust::other_host;
    default: return Distrust::other;
  }
}

const char* TlsEngine::distrust_text() const { return X509_verify_cert_error_string(verified_); }

std::optional<PeerCertificate> TlsEngine::peer_certificate() const {
  const Certificate shown(SSL_get1_peer_certificate(native_));
  if (!shown) return std::nullopt;
  return PeerCertificate{subject_of(*shown), names_of(*shown), fingerprint_of(*shown),
                         not_after_of(*shown)};
}

const char* TlsEngine::version() const { return SSL_get_version(native_); }

}  // namespace net
