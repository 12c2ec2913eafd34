#include "http/h1/differential.h"

#include "http/h1/llhttp_oracle.h"
#include "http/wire/syntax.h"

namespace corelane::http::testing {
namespace {

struct Recorder {
  std::vector<ParsedMessage> messages;
  std::string method;
  std::string target;
  std::string name;
  std::string value;
  bool open = false;

  ParsedMessage& current() {
    if (!open) messages.emplace_back();
    open = true;
    return messages.back();
  }
};

void Record(void* context, corelane_oracle_event event, const char* at, size_t size) {
  Recorder& recorder = *static_cast<Recorder*>(context);
  const std::string_view text(at, size);
  ParsedMessage& message = recorder.current();
  switch (event) {
    case CORELANE_ORACLE_METHOD:
      recorder.method += text;
      break;
    case CORELANE_ORACLE_URL:
      recorder.target += text;
      break;
    case CORELANE_ORACLE_FIELD_NAME:
      recorder.name += text;
      break;
    case CORELANE_ORACLE_FIELD_VALUE:
      recorder.value += text;
      break;
    case CORELANE_ORACLE_FIELD_END: {
      auto& fields = message.head_complete ? message.trailers : message.fields;
      fields.emplace_back(recorder.name, std::string(TrimBlanks(recorder.value)));
      recorder.name.clear();
      recorder.value.clear();
      break;
    }
    case CORELANE_ORACLE_HEAD_END:
      message.head_complete = true;
      message.start = recorder.method + " " + recorder.target;
      recorder.method.clear();
      recorder.target.clear();
      break;
    case CORELANE_ORACLE_BODY:
      message.body += text;
      break;
    case CORELANE_ORACLE_MESSAGE_END:
      message.complete = true;
      recorder.open = false;
      break;
  }
}

// llhttp hands the connection over here; what follows is no HTTP/1.1 to it.
bool LeavesHttp1(const ParsedMessage& message) {
  if (message.start.starts_with("CONNECT ")) return true;
  for (const auto& [name, value] : message.fields) {
    if (EqualsIgnoreCase(name, "upgrade")) return true;
  }
  return false;
}

// llhttp knows a closed list of methods.
bool KnownToOracle(const ParsedMessage& message) {
  return ParseMethod(message.start.substr(0, message.start.find(' '))) != Method::kUnknown;
}

// llhttp 8.1 gives up in chunk extensions that RFC 9112 §7.1.1 allows: several with values, blanks
// around them, escapes in quotes.
bool StoppedInAnExtension(std::string_view bytes, const ParsedMessage& message, int error) {
  return error != 0 && message.head_complete && !message.complete &&
         bytes.find(';') != std::string_view::npos;
}

// llhttp refuses minor versions that it does not know. RFC 9110 §2.5: they are taken as the highest
// that one knows.
bool StoppedAtAMinorVersion(std::string_view bytes, int error) {
  constexpr int kInvalidVersion = 9;  // HPE_INVALID_VERSION
  if (error != kInvalidVersion) return false;
  for (size_t at = 0; (at = bytes.find(" HTTP/1.", at)) != std::string_view::npos; at += 8) {
    if (at + 8 < bytes.size() && bytes[at + 8] >= '2' && bytes[at + 8] <= '9') return true;
  }
  return false;
}

}  // namespace

bool OracleAvailable() { return corelane_oracle_available() != 0; }

OracleResult AskOracle(std::string_view bytes) {
  Recorder recorder;
  OracleResult result;
  result.error = corelane_oracle_parse(bytes.data(), bytes.size(), Record, &recorder);
  result.messages = std::move(recorder.messages);
  return result;
}

std::string CompareWithOracle(std::string_view bytes) {
  if (!OracleAvailable()) return "";
  const ParsedStream ours = ParseRequests(bytes, WholeStream());
  const OracleResult theirs = AskOracle(bytes);
  for (size_t i = 0; i < ours.messages.size(); ++i) {
    const ParsedMessage& mine = ours.messages[i];
    if (!mine.complete || !KnownToOracle(mine)) break;
    if (i >= theirs.messages.size() || !theirs.messages[i].head_complete) {
      if (StoppedAtAMinorVersion(bytes, theirs.error)) break;
      return "accepted only by us (llhttp error " + std::to_string(theirs.error) + "):\n" +
             mine.ToString();
    }
    const ParsedMessage& other = theirs.messages[i];
    if (StoppedInAnExtension(bytes, other, theirs.error) && mine.body.starts_with(other.body))
      break;
    const bool same = mine.start.starts_with(other.start + " ") && mine.fields == other.fields &&
                      (LeavesHttp1(mine) || (other.complete && mine.body == other.body &&
                                             mine.trailers == other.trailers));
    if (!same) return "ours:\n" + mine.ToString() + "llhttp:\n" + other.ToString();
    if (LeavesHttp1(mine)) break;
  }
  return "";
}

}  // namespace corelane::http::testing
