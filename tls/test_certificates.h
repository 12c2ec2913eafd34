// For tests: a certificate authority in memory.
//
//   TestCa ca;
//   options.identities.push_back(ca.Issue({.names = {"example.com"}}));
//   client_options.ca = ca.pem();

#ifndef CORELANE_TLS_TEST_CERTIFICATES_H_
#define CORELANE_TLS_TEST_CERTIFICATES_H_

#include <chrono>
#include <string>
#include <vector>

#include "tls/options.h"
#include "tls/pem.h"

namespace corelane::tls {

struct TestCertificate {
  std::string common_name = "test";
  std::vector<std::string> names = {};
  std::vector<std::string> addresses = {};
  std::chrono::seconds from = -std::chrono::hours(1);  // From now.
  std::chrono::seconds until = std::chrono::hours(1);
  bool rsa = false;
};

class TestCa {
 public:
  explicit TestCa(const std::string& name = "test CA");

  Pem pem() const;
  Identity Issue(const TestCertificate& wanted) const;

 private:
  internal::KeyPtr key_;
  internal::X509Ptr certificate_;
};

}  // namespace corelane::tls

#endif  // CORELANE_TLS_TEST_CERTIFICATES_H_
