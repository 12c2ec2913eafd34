// Our request parser against llhttp.

#ifndef CORELANE_HTTP_H1_DIFFERENTIAL_H_
#define CORELANE_HTTP_H1_DIFFERENTIAL_H_

#include <string>
#include <string_view>
#include <vector>

#include "http/h1/parser_harness.h"

namespace corelane::http::testing {

bool OracleAvailable();

struct OracleResult {
  std::vector<ParsedMessage> messages;  // `start` is "METHOD target".
  int error = 0;
};
OracleResult AskOracle(std::string_view bytes);

// Empty when llhttp read every message that we accepted in the same way; else what differs. That
// llhttp accepts more than we do is no difference.
std::string CompareWithOracle(std::string_view bytes);

}  // namespace corelane::http::testing

#endif  // CORELANE_HTTP_H1_DIFFERENTIAL_H_
