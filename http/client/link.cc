#include "http/client/link.h"

#include <string_view>

namespace corelane::http {
namespace {

constexpr size_t kReadBytes = 16 << 10;

}  // namespace

Link::Link(Owner& owner, Deadlines& deadlines, std::unique_ptr<Transport> transport,
           std::unique_ptr<ClientConnection> connection, std::string address)
    : idle_deadline(
          [](void* self) {
            static_cast<Link*>(self)->owner_->OnLinkChanged(*static_cast<Link*>(self));
          },
          this),
      owner_(&owner),
      deadlines_(deadlines),
      transport_(std::move(transport)),
      connection_(std::move(connection)),
      address_(std::move(address)),
      born_(deadlines.now()),
      deadline_([](void* self) { static_cast<Link*>(self)->OnDeadline(); }, this),
      read_buffer_(kReadBytes) {
  transport_->set_events(this);
  connection_->set_wake([](void* self) { static_cast<Link*>(self)->Touch(); }, this);
}

Link::~Link() { Close(); }

template <class F>
void Link::Within(F&& call) {
  const std::shared_ptr<Link> self = shared_from_this();
  ++depth_;
  call();
  --depth_;
  Pump();
}

void Link::Touch() {
  if (closed_ || depth_ > 0) return;
  const std::shared_ptr<Link> self = shared_from_this();
  Pump();
}

// Does what the engine asks for. Events of the exchanges come from within Output only.
void Link::Pump() {
  if (closed_ || depth_ > 0) return;
  ++depth_;
  if (!writing_ && !write_error_) {
    const auto out = connection_->Output(deadlines_.now());
    if (!out[0].empty() || !out[1].empty()) {
      writing_ = true;
      transport_->Write(out, shared_from_this());
    }
  }
  if (!closed_ && !reading_ && connection_->wants_read()) {
    reading_ = true;
    transport_->Read(read_buffer_, shared_from_this());
  }
  --depth_;
  if (closed_) return;
  deadlines_.Arm(deadline_, connection_->deadline());
  owner_->OnLinkChanged(*this);
}

void Link::OnRead(boost::system::error_code error, size_t size) {
  reading_ = false;
  Within([&] {
    const Instant now = deadlines_.now();
    if (size > 0) {
      connection_->OnReceived(std::string_view(read_buffer_.data(), size), now);
    } else {
      // A failed write is why the peer has nothing more to say.
      connection_->OnTransportEnd(error ? error : write_error_, now);
    }
  });
}

void Link::OnWrite(boost::system::error_code error, size_t size) {
  writing_ = false;
  Within([&] {
    if (!error) return connection_->OnWritten(size, deadlines_.now());
    // What the server has said before may still be read; without a read there is no more to wait
    // for.
    write_error_ = error;
    if (!reading_) connection_->OnTransportEnd(error, deadlines_.now());
  });
}

void Link::OnDeadline() {
  Within([this] { connection_->OnDeadline(deadlines_.now()); });
}

void Link::Close() {
  if (closed_) return;
  closed_ = true;
  deadlines_.Cancel(deadline_);
  deadlines_.Cancel(idle_deadline);
  transport_->set_events(nullptr);
  transport_->Close();
}

}  // namespace corelane::http
