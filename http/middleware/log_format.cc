#include "http/middleware/log_format.h"

#include "http/semantics/http_date.h"

namespace corelane::http {
namespace {

void AppendEscaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte > 0x7e) {
      out += "\\x";
      out += "0123456789abcdef"[byte >> 4];
      out += "0123456789abcdef"[byte & 15];
    } else {
      out += c;
    }
  }
}

// One word of the line.
void AppendWord(std::string_view text, std::string& out) {
  const size_t begin = out.size();
  AppendEscaped(text.empty() ? "-" : text, out);
  for (size_t i = begin; i < out.size(); ++i) {
    if (out[i] == ' ') out[i] = '+';
  }
}

void AppendQuoted(std::string_view text, std::string& out) {
  out += '"';
  AppendEscaped(text.empty() ? "-" : text, out);
  out += '"';
}

// "Sun, 06 Nov 1994 08:49:37 GMT" as 06/Nov/1994:08:49:37 +0000
void AppendTime(int64_t unix_seconds, std::string& out) {
  const std::string date = FormatHttpDate(unix_seconds);
  out += date.substr(5, 2) + "/" + date.substr(8, 3) + "/" + date.substr(12, 4) + ":" +
         date.substr(17, 8) + " +0000";
}

}  // namespace

std::string CommonLogLine(const AccessRecord& record, const LogContext& context) {
  std::string line;
  AppendWord(context.client.empty() ? record.request->connection().remote.address.ToString()
                                    : std::string(context.client),
             line);
  line += " - ";
  AppendWord(context.user, line);
  line += " [";
  AppendTime(context.unix_seconds, line);
  line += "] \"";
  AppendEscaped(MethodName(record.method), line);
  line += ' ';
  AppendEscaped(record.target, line);
  line.append(" ").append(VersionName(record.request->version())).append("\" ");
  line += std::to_string(record.status) + " ";
  line += record.bytes == 0 ? "-" : std::to_string(record.bytes);
  return line;
}

std::string CombinedLogLine(const AccessRecord& record, const LogContext& context) {
  std::string line = CommonLogLine(record, context);
  for (const char* name : {"referer", "user-agent"}) {
    line += ' ';
    AppendQuoted(record.request->Header(name).value_or(""), line);
  }
  return line;
}

}  // namespace corelane::http
