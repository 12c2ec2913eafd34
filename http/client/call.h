// Call: one request from Send to the last byte of its response, across redirects and retries.

#ifndef CORELANE_HTTP_CLIENT_CALL_H_
#define CORELANE_HTTP_CLIENT_CALL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/intrusive_list.h"
#include "http/client/content_decoder.h"
#include "http/client/deadlines.h"
#include "http/client/engine.h"
#include "http/client/field_list.h"
#include "http/client/link.h"
#include "http/client/options.h"
#include "http/client/policy.h"
#include "http/client/pool.h"
#include "http/client/request.h"
#include "http/client/url.h"

namespace corelane::http {

class ClientCore;
class Call;

// Who asked; each is called at most once, and may do anything within.
class SendDone {
 public:
  virtual ~SendDone() = default;
  // An error: call->failure() says more.
  virtual void OnSent(boost::system::error_code error, std::shared_ptr<Call> call) = 0;
};
class ReadDone {
 public:
  virtual ~ReadDone() = default;
  // size 0 without an error: the end.
  virtual void OnRead(boost::system::error_code error, size_t size) = 0;
};
class ReadAllDone {
 public:
  virtual ~ReadAllDone() = default;
  virtual void OnReadAll(boost::system::error_code error, std::string body) = 0;
};

class Call final : public std::enable_shared_from_this<Call>,
                   private Pool::Waiter,
                   private ExchangeEvents {
 public:
  Call(ClientCore& core, OutgoingRequest request, std::unique_ptr<SendDone> done);
  ~Call();

  void Start();
  // What is pending ends with operation_aborted; the exchange is broken off.
  void Cancel();

  // --- The response; after OnSent ---

  int status() const { return status_; }
  const std::string& reason() const { return reason_; }
  int version() const { return version_; }
  Fields fields() const { return fields_.view(); }
  // After the end.
  Fields trailers() const { return trailers_.view(); }
  // Of the body as it is read; nullopt: not announced, or changed by decompression.
  std::optional<uint64_t> length() const { return length_; }
  const Url& url() const { return url_; }
  int redirects() const { return redirects_; }
  int retries() const { return attempts_; }
  const Failure& failure() const { return failure_; }
  const std::string& address() const { return address_; }

  // One read of a kind at a time.
  void Read(std::span<char> into, std::unique_ptr<ReadDone> done);
  void ReadAll(size_t limit, std::unique_ptr<ReadAllDone> done);
  bool reading() const { return read_done_ != nullptr || read_all_done_ != nullptr; }

  // For the core.
  ListNode open_node;
  // Of a request whose head is to come; the core's list owns it till then.
  std::shared_ptr<Call> self;
  void OnCoreGone();

 private:
  enum class State : uint8_t { kNew, kWaiting, kBackOff, kActive, kBody, kEnded, kFailed };

  // Pool::Waiter
  void OnLink(Link& link) override;
  void OnNoLink(const Failure& failure) override;
  void OnDialing() override;
  void OnQueued() override;
  // ExchangeEvents
  void OnHead(const IncomingHead& head) override;
  void OnReadable() override;
  void OnProgress() override;
  void OnSent() override;
  void OnFailed(const ExchangeFailure& failure) override;

  // Its connection speaks another protocol now, whose silences mean nothing here.
  bool tunnels() const { return status_ == 101; }
  bool Prepare();
  void TakeCredentials();
  void Attempt();
  void FillFields();
  bool StartExchange();
  void AddDefault(std::string_view name, std::string_view value);
  // Each is true when it has taken the head over.
  bool Redirect(const IncomingHead& head);
  bool RetryLater(const IncomingHead& head);
  bool RepeatTimedOut(const IncomingHead& head);
  bool RepeatWithoutExpect(const IncomingHead& head);
  void Deliver(const IncomingHead& head);

  void HandleFailure(const Failure& failure);
  bool MayRepeat(const Failure& failure);
  bool Rewind();
  void BackOff(Duration delay);
  void FailWith(ClientError error, ClientPhase phase, std::string detail = {});
  std::string Where() const;

  struct Got {
    BodyRead::Status status = BodyRead::Status::kPending;
    size_t size = 0;
  };
  Got Pull(std::span<char> out);
  Got PullRaw(std::span<char> out);
  Got PullDecoded(std::span<char> out);
  void TryRead();
  void TryReadAll();
  void CompleteRead(boost::system::error_code error, size_t size);
  void FailBody(ClientError error, std::string detail, boost::system::error_code cause = {});

  void ReleaseExchange();
  void OnPhaseTimeout();
  void OnTotalTimeout();
  void EndWith(Failure failure);
  void Finish();

  ClientCore* core_;
  OutgoingRequest request_;
  std::shared_ptr<UploadSource> source_;  // Also where a redirect goes on without it.
  std::unique_ptr<SendDone> send_done_;
  State state_ = State::kNew;
  ClientPhase phase_ = ClientPhase::kPrepare;
  Url url_;
  Route route_;
  int redirects_ = 0;
  int attempts_ = 0;
  int stale_attempts_ = 0;
  bool expect_ = false;
  bool decompress_ = false;
  bool source_used_ = false;

  std::shared_ptr<Link> link_;
  Exchange* exchange_ = nullptr;
  bool reused_ = false;
  std::string target_;
  std::vector<FieldList::Entry> more_fields_;
  std::string address_;
  Deadline phase_deadline_;
  Deadline total_deadline_;

  int status_ = 0;
  int version_ = 0;
  std::string reason_;
  OwnedFields fields_;
  OwnedFields trailers_;
  std::optional<uint64_t> length_;
  Failure failure_;

  std::unique_ptr<ContentDecoder> decoder_;
  std::vector<char> raw_;
  size_t raw_begin_ = 0;
  size_t raw_end_ = 0;
  bool raw_any_ = false;
  bool stream_ended_ = false;

  std::span<char> read_into_;
  std::unique_ptr<ReadDone> read_done_;
  std::unique_ptr<ReadAllDone> read_all_done_;
  std::string all_;
  size_t limit_ = 0;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CLIENT_CALL_H_
