#include "http/sse.h"

#include <memory>

namespace corelane::http {
namespace {

// Calls visit(line) for each line of `text`; at least one.
template <class Visit>
void ForEachLine(std::string_view text, Visit visit) {
  for (;;) {
    const size_t end = text.find_first_of("\r\n");
    visit(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
}

void AppendLine(std::string_view name, std::string_view value, std::string& out) {
  out += name;
  out += ": ";
  out += value;
  out += '\n';
}

bool IsOneLine(std::string_view text) {
  return text.find_first_of("\r\n") == std::string_view::npos;
}

}  // namespace

bool AppendEvent(const ServerEvent& event, std::string& out) {
  if (!IsOneLine(event.event)) return false;
  if (event.id && (!IsOneLine(*event.id) || event.id->find('\0') != std::string_view::npos)) {
    return false;
  }
  if (event.id) AppendLine("id", *event.id, out);
  if (event.retry) AppendLine("retry", std::to_string(event.retry->count()), out);
  const bool is_event = !event.event.empty() || !event.data.empty() || (!event.id && !event.retry);
  if (!event.event.empty()) AppendLine("event", event.event, out);
  if (is_event) {
    ForEachLine(event.data, [&](std::string_view line) { AppendLine("data", line, out); });
  }
  out += '\n';
  return true;
}

void AppendComment(std::string_view text, std::string& out) {
  ForEachLine(text, [&](std::string_view line) {
    out += line.empty() ? ":" : ": ";
    out += line;
    out += '\n';
  });
  out += '\n';
}

// The coroutine that writes takes turns with Wait(): each hands the thread to the other.
class EventSource final : public BodySource, private Cancellable {
 public:
  EventSource(const Request& request, std::function<Task<void>(EventStream&)> write)
      : write_(std::move(write)), stream_(request), writer_(Write(*this)) {
    stream_.writer_ = writer_.handle;
  }

  Result Read(std::span<char> out) override {
    std::string& buffer = stream_.buffer_;
    if (buffer.empty()) {
      return failed_ ? Result::Failed() : ended_ ? Result::End() : Result::Pending();
    }
    const size_t size = buffer.copy(out.data(), out.size(), read_);
    read_ += size;
    if (read_ == buffer.size()) {
      buffer.clear();
      read_ = 0;
    }
    return Result::Data(size);
  }

  Task<void> Wait() override {
    ToWriter to_writer{*this};
    co_await to_writer;
  }

 private:
  // Owns the frame; the coroutine begins when it is first resumed, and ends by resuming who waits.
  struct Writer {
    struct promise_type {
      explicit promise_type(EventSource& source) : source(source) {}
      static void* operator new(size_t size) { return internal::AllocateFrame(size); }
      static void operator delete(void* frame, size_t size) { internal::FreeFrame(frame, size); }
      Writer get_return_object() {
        return Writer(std::coroutine_handle<promise_type>::from_promise(*this));
      }
      std::suspend_always initial_suspend() const noexcept { return {}; }
      auto final_suspend() const noexcept {
        struct ToReader {
          EventStream& stream;
          bool await_ready() const noexcept { return false; }
          std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept {
            return std::exchange(stream.reader_, std::noop_coroutine());
          }
          void await_resume() const noexcept {}
        };
        source.ended_ = true;
        return ToReader{source.stream_};
      }
      void return_void() const {}
      void unhandled_exception() const noexcept { source.failed_ = true; }

      EventSource& source;
    };

    explicit Writer(std::coroutine_handle<promise_type> handle) : handle(handle) {}
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    ~Writer() { handle.destroy(); }

    std::coroutine_handle<promise_type> handle;
  };

  struct ToWriter {
    EventSource& source;
    internal::TaskPromiseBase* promise = nullptr;

    bool await_ready() const { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) {
      promise = &self.promise();
      promise->set_waits_for(&source);
      source.stream_.reader_ = self;
      return std::exchange(source.stream_.writer_, std::noop_coroutine());
    }
    void await_resume() const { promise->set_waits_for(nullptr); }
  };

  static Writer Write(EventSource& self) {
    self.task_ = self.write_(self.stream_);
    co_await std::move(self.task_);
  }
  // Cancellable: who waits here waits for what the writer waits for.
  void Cancel() override {
    if (task_ && !task_.done()) task_.Cancel();
  }

  const std::function<Task<void>(EventStream&)> write_;
  EventStream stream_;
  Task<void> task_;
  size_t read_ = 0;  // Of the buffer.
  bool ended_ = false;
  bool failed_ = false;
  Writer writer_;  // Uses all of the above.
};

Response StreamEvents(const Request& request, std::function<Task<void>(EventStream&)> write) {
  Response response = Response::Stream("text/event-stream",
                                       std::make_unique<EventSource>(request, std::move(write)));
  response.Add("Cache-Control", "no-store").Add("X-Accel-Buffering", "no");
  return response;
}

}  // namespace corelane::http
