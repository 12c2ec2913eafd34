#include "tls/engine.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "core/ip_address.h"
#include "tls/context_state.h"

namespace corelane::tls {

// A BIO whose two ends are the engine's buffers. Writing to it always succeeds.
struct Engine::Bio {
  static int Write(BIO* bio, const char* data, int size) {
    auto& engine = *static_cast<Engine*>(BIO_get_data(bio));
    engine.waiting_.insert(engine.waiting_.end(), data, data + size);
    return size;
  }

  static int Read(BIO* bio, char* to, int size) {
    auto& engine = *static_cast<Engine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const size_t there = engine.input_end_ - engine.input_begin_;
    if (there == 0) {
      if (engine.input_ended_) return 0;
      BIO_set_retry_read(bio);
      return -1;
    }
    const size_t taken = std::min(there, static_cast<size_t>(size));
    std::memcpy(to, engine.input_.get() + engine.input_begin_, taken);
    engine.input_begin_ += taken;
    return static_cast<int>(taken);
  }

  static long Control(BIO* bio, int command, long, void*) {
    switch (command) {
      case BIO_CTRL_FLUSH:
      case BIO_CTRL_DUP:
        return 1;
      case BIO_CTRL_EOF:
        return static_cast<Engine*>(BIO_get_data(bio))->input_ended_ ? 1 : 0;
      default:
        return 0;
    }
  }

  static const BIO_METHOD* Method() {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "corelane");
      CL_CHECK(made != nullptr);
      BIO_meth_set_write(made, &Write);
      BIO_meth_set_read(made, &Read);
      BIO_meth_set_ctrl(made, &Control);
      return made;
    }();
    return method;
  }
};

Engine::Engine(std::shared_ptr<internal::ContextState> state)
    : state_(std::move(state)), ssl_(SSL_new(state_->ctx())) {
  CL_CHECK(ssl_ != nullptr);
  AttachBio();
}

Engine::Engine(const ServerContext& context) : Engine(context.shared_->Get()) {
  SSL_set_accept_state(ssl_.get());
}

Engine::Engine(const ClientContext& context, std::string_view server)
    : Engine(context.shared_->Get()) {
  SSL_set_connect_state(ssl_.get());
  Name(server);
}

Engine::~Engine() = default;

void Engine::AttachBio() {
  BIO* const bio = BIO_new(Bio::Method());
  CL_CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
}

void Engine::Name(std::string_view server) {
  server_ = internal::NormalName(server);
  SSL_set_app_data(ssl_.get(), &server_);
  const bool verifies = state_->verifies_server();
  if (server_.empty()) {
    no_name_ = verifies;
    return;
  }
  X509_VERIFY_PARAM* const param = SSL_get0_param(ssl_.get());
  if (IpAddress::Parse(server_)) {  // RFC 6066 §3: no address in server_name.
    no_name_ = verifies && X509_VERIFY_PARAM_set1_ip_asc(param, server_.c_str()) != 1;
  } else {
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool set = SSL_set_tlsext_host_name(ssl_.get(), server_.c_str()) == 1 &&
                     X509_VERIFY_PARAM_set1_host(param, server_.data(), server_.size()) == 1;
    no_name_ = !set;
  }
  ERR_clear_error();
  if (const internal::SessionPtr session = state_->sessions().Get(server_)) {
    SSL_set_session(ssl_.get(), session.get());
  }
}

Engine::Result Engine::Handshake() {
  if (error_) return {Status::kError};
  if (handshake_done_) return {Status::kOk};
  if (no_name_) return Fail(Error::kNoServerName);
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) return NotDone(result);
  handshake_done_ = true;
  return {Status::kOk};
}

Engine::Result Engine::Read(std::span<char> to) {
  if (const Result result = Handshake(); result.status != Status::kOk) return result;
  if (to.empty()) return {Status::kOk};
  if (output_size() > kReadStops) return {Status::kWantOutput};
  size_t read = 0;
  while (read < to.size()) {
    size_t size = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), to.data() + read, to.size() - read, &size);
    if (result != 1) {
      // What was read comes first; the library says the same again.
      if (read > 0) break;
      return NotDone(result);
    }
    read += size;
  }
  return {Status::kOk, read};
}

Engine::Result Engine::Write(std::string_view from) {
  if (const Result result = Handshake(); result.status != Status::kOk) return result;
  if (shut_down_) return Fail(Error::kShutDown);
  size_t written = 0;
  while (written < from.size()) {
    if (output_size() >= kWriteStops) break;
    size_t size = 0;
    ERR_clear_error();
    const size_t record = std::min(from.size() - written, kMaxRecord);
    const int result = SSL_write_ex(ssl_.get(), from.data() + written, record, &size);
    if (result != 1) {
      const Result why = NotDone(result);
      if (written > 0) break;
      return why;
    }
    written += size;
  }
  if (written == 0 && !from.empty()) return {Status::kWantOutput};
  return {Status::kOk, written};
}

void Engine::Shutdown() {
  if (error_ || !handshake_done_ || shut_down_) return;
  shut_down_ = true;
  ERR_clear_error();
  if (SSL_shutdown(ssl_.get()) < 0) ERR_clear_error();
}

std::span<char> Engine::InputBuffer() {
  CL_DCHECK(input_begin_ == input_end_);
  if (input_ == nullptr) input_ = std::make_unique_for_overwrite<char[]>(kInputSize);
  return {input_.get(), kInputSize};
}

void Engine::OnInput(size_t size) {
  CL_DCHECK(size <= kInputSize);
  input_begin_ = 0;
  input_end_ = size;
}

std::string_view Engine::Output() {
  if (sent_ == sending_.size()) {
    sending_.clear();
    sent_ = 0;
    sending_.swap(waiting_);
  }
  return {sending_.data() + sent_, sending_.size() - sent_};
}

void Engine::OnSent(size_t size) {
  CL_DCHECK(size <= sending_.size() - sent_);
  sent_ += size;
}

size_t Engine::DropOutput() {
  const size_t dropped = output_size();
  sending_.clear();
  waiting_.clear();
  sent_ = 0;
  return dropped;
}

Engine::Result Engine::NotDone(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Status::kWantInput};
    case SSL_ERROR_WANT_WRITE:
      return {Status::kWantOutput};
    case SSL_ERROR_ZERO_RETURN:
      return {Status::kEnd};
    case SSL_ERROR_SYSCALL:
      if (input_ended_ && ERR_peek_error() == 0) return Fail(Error::kTruncated);
      break;
    default:
      break;
  }
  return Fail(TakeLibraryError(SSL_get_verify_result(ssl_.get())));
}

Engine::Result Engine::Fail(error_code error) {
  if (error != Error::kShutDown) error_ = error;
  return {Status::kError};
}

std::string_view Engine::alpn() const {
  const unsigned char* data = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &data, &size);
  return {reinterpret_cast<const char*>(data), size};
}

std::string_view Engine::server_name() const {
  const char* const name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : std::string_view();
}

std::string Engine::PeerSubject() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return "";
  const std::unique_ptr<BIO, internal::Freer<BIO_free>> text(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0,
                     XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB & ~XN_FLAG_SPC_EQ);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

bool Engine::UpdateKeys(bool both) {
  const int kind = both ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
  const bool ok = SSL_key_update(ssl_.get(), kind) == 1;
  ERR_clear_error();
  return ok;
}

}  // namespace corelane::tls
