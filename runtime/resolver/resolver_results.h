// ResolverResults: what a Resolver found: endpoints to try, in this order.
//
//   for (const ResolverEntry& entry : results) co_await stream.async_connect(entry, token);

#ifndef CORELANE_RUNTIME_RESOLVER_RESOLVER_RESULTS_H_
#define CORELANE_RUNTIME_RESOLVER_RESOLVER_RESULTS_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/ip_address.h"

namespace corelane::runtime {

class ResolverEntry {
 public:
  using endpoint_type = Endpoint;

  ResolverEntry() = default;
  ResolverEntry(const Endpoint& endpoint, std::string host_name, std::string service_name)
      : endpoint_(endpoint),
        host_name_(std::move(host_name)),
        service_name_(std::move(service_name)) {}

  const Endpoint& endpoint() const { return endpoint_; }
  operator const Endpoint&() const { return endpoint_; }  // NOLINT(google-explicit-constructor)
  // As it was asked for; with canonical_name the name that its aliases led to.
  const std::string& host_name() const { return host_name_; }
  const std::string& service_name() const { return service_name_; }

 private:
  Endpoint endpoint_;
  std::string host_name_;
  std::string service_name_;
};

// A range with the types of Asio's results_type.
class ResolverResults {
 public:
  using value_type = ResolverEntry;
  using endpoint_type = Endpoint;
  using const_reference = const ResolverEntry&;
  using reference = const_reference;
  using const_iterator = std::vector<ResolverEntry>::const_iterator;
  using iterator = const_iterator;
  using difference_type = ptrdiff_t;
  using size_type = size_t;

  ResolverResults() = default;
  explicit ResolverResults(std::vector<ResolverEntry> entries) : entries_(std::move(entries)) {}

  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }
  const_iterator cbegin() const { return begin(); }
  const_iterator cend() const { return end(); }

 private:
  std::vector<ResolverEntry> entries_;
};

}  // namespace corelane::runtime

#endif  // CORELANE_RUNTIME_RESOLVER_RESOLVER_RESULTS_H_
