// Task<T>: the coroutine type of handlers and body sources.
//
// Lazy: it runs when awaited, or when its owner calls Start. It knows no executor and no stream;
// what it waits for resumes it. Frames come from a free list of the thread, so a warm server
// allocates none. Not thread-safe: one Task is resumed on one thread.
//
//   Task<Response> Upload(const Request& request) {
//     for (;;) {
//       const BodyChunk chunk = co_await request.ReadBody();
//       if (chunk.end()) break;
//       ...chunk.data...
//     }
//     co_return Response::Text("done\n");
//   }

#ifndef CORELANE_HTTP_TASK_H_
#define CORELANE_HTTP_TASK_H_

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/check.h"

namespace corelane::http {

// Something outside that a task waits for and that can be asked to end early; it still ends by
// resuming the task.
class Cancellable {
 public:
  virtual void Cancel() = 0;

 protected:
  ~Cancellable() = default;
};

namespace internal {

// Recycles coroutine frames by size class, per thread, bounded.
void* AllocateFrame(size_t size);
void FreeFrame(void* frame, size_t size);

// The same free list for what else lives as long as a request. One thread allocates and frees.
template <class T>
struct FrameAllocator {
  using value_type = T;
  FrameAllocator() = default;
  template <class U>
  FrameAllocator(const FrameAllocator<U>&) {}  // NOLINT: converts as allocators do
  T* allocate(size_t n) { return static_cast<T*>(AllocateFrame(n * sizeof(T))); }
  void deallocate(T* at, size_t n) { FreeFrame(at, n * sizeof(T)); }
  template <class U>
  bool operator==(const FrameAllocator<U>&) const {
    return true;
  }
};

class TaskPromiseBase {
 public:
  static void* operator new(size_t size) { return AllocateFrame(size); }
  static void operator delete(void* frame, size_t size) { FreeFrame(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      TaskPromiseBase& promise = self.promise();
      if (promise.on_done_ != nullptr) promise.on_done_(promise.on_done_context_);
      return promise.continuation_;
    }
    void await_resume() const noexcept {}
  };
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  // `awaiting` goes on with the result.
  template <class Promise>
  void set_continuation(std::coroutine_handle<Promise> awaiting) {
    continuation_ = awaiting;
    if constexpr (std::is_base_of_v<TaskPromiseBase, Promise>) {
      outermost_ = awaiting.promise().outermost_;
    }
  }
  // What the task at this coroutine's root waits for now; null: nothing that can be cancelled.
  void set_waits_for(Cancellable* what) { outermost_->waits_for_ = what; }
  Cancellable* waits_for() const { return waits_for_; }
  void set_on_done(void (*on_done)(void*), void* context) {
    on_done_ = on_done;
    on_done_context_ = context;
  }

 protected:
  void Rethrow() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
  }

 private:
  std::coroutine_handle<> continuation_ = std::noop_coroutine();
  void (*on_done_)(void*) = nullptr;
  void* on_done_context_ = nullptr;
  TaskPromiseBase* outermost_ = this;
  Cancellable* waits_for_ = nullptr;  // Of the outermost.
  std::exception_ptr exception_;
};

template <class T>
class TaskPromise : public TaskPromiseBase {
 public:
  std::coroutine_handle<TaskPromise> get_return_object() {
    return std::coroutine_handle<TaskPromise>::from_promise(*this);
  }
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T Take() {
    Rethrow();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromise<void> : public TaskPromiseBase {
 public:
  std::coroutine_handle<TaskPromise> get_return_object() {
    return std::coroutine_handle<TaskPromise>::from_promise(*this);
  }
  void return_void() {}
  void Take() { Rethrow(); }
};

}  // namespace internal

// Move-only owner of the frame. Destroying it destroys the frame; a frame that some operation in
// flight will resume must not be destroyed.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  Task(Handle handle) : handle_(handle) {}  // NOLINT: get_return_object converts.
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    Task(std::move(other)).swap(*this);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }
  void swap(Task& other) noexcept { std::swap(handle_, other.handle_); }

  explicit operator bool() const { return handle_ != nullptr; }
  bool done() const { return handle_.done(); }

  // For the owner of the outermost task: `on_done(context)` is called when it ends.
  void Start(void (*on_done)(void*), void* context) {
    handle_.promise().set_on_done(on_done, context);
    handle_.resume();
  }
  // Likewise: asks what it waits for to end early (use_task.h), where that can be asked.
  void Cancel() {
    if (Cancellable* const what = handle_.promise().waits_for()) what->Cancel();
  }
  // The result, or the exception that ended it. Once, after done().
  T Take() { return handle_.promise().Take(); }

  struct Awaiter {
    Handle handle;
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) const noexcept {
      handle.promise().set_continuation(awaiting);
      return handle;
    }
    T await_resume() const { return handle.promise().Take(); }
  };
  Awaiter operator co_await() && noexcept { return Awaiter{handle_}; }

 private:
  Handle handle_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_TASK_H_
