// The connections of one server: counted, stopped and closed together. One thread.

#ifndef CORELANE_HTTP_CONNECTION_GROUP_H_
#define CORELANE_HTTP_CONNECTION_GROUP_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "core/check.h"
#include "http/server_options.h"

namespace corelane::http {

class ConnectionGroup {
 public:
  // A connection; in the group, which it keeps, while it lives.
  class Member {
   public:
    explicit Member(std::shared_ptr<ConnectionGroup> group) : group_(std::move(group)) {
      next_ = group_->first_;
      if (next_ != nullptr) next_->previous_ = this;
      group_->first_ = this;
      ++group_->size_;
    }
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    // Finish what is in flight.
    virtual void Stop() = 0;
    // Close the stream now.
    virtual void Close() = 0;

   protected:
    ~Member() {
      (previous_ != nullptr ? previous_->next_ : group_->first_) = next_;
      if (next_ != nullptr) next_->previous_ = previous_;
      --group_->size_;
      if (group_->size_ == 0 && group_->on_empty_ != nullptr) group_->on_empty_(group_->context_);
    }

    ConnectionGroup& group() { return *group_; }

   private:
    friend class ConnectionGroup;

    const std::shared_ptr<ConnectionGroup> group_;
    Member* previous_ = nullptr;
    Member* next_ = nullptr;
  };

  ~ConnectionGroup() { CL_DCHECK(size_ == 0); }

  size_t size() const { return size_; }
  bool stopping() const { return stopping_; }
  ServerStats& stats() { return stats_; }

  void Stop() {
    stopping_ = true;
    for (Member* member = first_; member != nullptr; member = member->next_) member->Stop();
  }
  void Close() {
    for (Member* member = first_; member != nullptr; member = member->next_) member->Close();
  }
  // Called whenever the last connection has gone.
  void set_on_empty(void (*on_empty)(void*), void* context) {
    on_empty_ = on_empty;
    context_ = context;
  }

 private:
  Member* first_ = nullptr;
  size_t size_ = 0;
  bool stopping_ = false;
  void (*on_empty_)(void*) = nullptr;
  void* context_ = nullptr;
  ServerStats stats_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_CONNECTION_GROUP_H_
