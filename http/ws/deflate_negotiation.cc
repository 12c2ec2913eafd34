// The negotiation half of permessage-deflate (RFC 7692 §5, §7.1).

#include <algorithm>

#include "http/wire/syntax.h"
#include "http/ws/deflate.h"
#include "http/ws/extension.h"

namespace corelane::ws {
namespace {

constexpr std::string_view kName = "permessage-deflate";

// The parameters of one element, as written.
struct Written {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::optional<int> server_max_window_bits;
  bool client_max_window_bits_named = false;
  std::optional<int> client_max_window_bits;
};

// RFC 7692 §7.1.2: 8 to 15, without leading zeros.
std::optional<int> ParseBits(std::string_view text) {
  if (text.size() == 1 && (text == "8" || text == "9")) return text[0] - '0';
  if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') {
    return 10 + (text[1] - '0');
  }
  return std::nullopt;
}

bool ReadFlag(bool& flag, const std::optional<std::string_view>& value) {
  if (flag || value.has_value()) return false;
  return flag = true;
}

bool ReadOne(std::string_view name, const std::optional<std::string_view>& value, Written& out) {
  const auto is = [name](std::string_view other) { return http::EqualsIgnoreCase(name, other); };
  if (is("server_no_context_takeover")) return ReadFlag(out.server_no_context_takeover, value);
  if (is("client_no_context_takeover")) return ReadFlag(out.client_no_context_takeover, value);
  if (is("server_max_window_bits")) {
    if (out.server_max_window_bits.has_value() || !value.has_value()) return false;
    out.server_max_window_bits = ParseBits(*value);
    return out.server_max_window_bits.has_value();
  }
  if (is("client_max_window_bits")) {
    if (out.client_max_window_bits_named) return false;
    out.client_max_window_bits_named = true;
    if (!value.has_value()) return true;
    out.client_max_window_bits = ParseBits(*value);
    return out.client_max_window_bits.has_value();
  }
  return false;  // Unknown.
}

// The rest of the element that `reader` is in; nullopt when a parameter is not as it must be.
std::optional<Written> ReadParameters(ExtensionReader& reader) {
  Written out;
  std::string_view name;
  std::optional<std::string_view> value;
  while (reader.NextParameter(name, value)) {
    if (!ReadOne(name, value, out)) return std::nullopt;
  }
  if (reader.failed()) return std::nullopt;
  return out;
}

DeflateParams Agree(const Written& offer, const DeflateOptions& options) {
  DeflateParams agreed;
  agreed.server_no_context_takeover =
      offer.server_no_context_takeover || options.server_no_context_takeover;
  agreed.client_no_context_takeover =
      offer.client_no_context_takeover || options.client_no_context_takeover;
  agreed.server_max_window_bits =
      std::min(offer.server_max_window_bits.value_or(15), options.server_max_window_bits);
  agreed.name_server_bits =
      offer.server_max_window_bits.has_value() || agreed.server_max_window_bits < 15;
  // §7.1.2.2: without the parameter in the offer, the answer must not have it.
  if (offer.client_max_window_bits_named) {
    agreed.client_max_window_bits =
        std::min(offer.client_max_window_bits.value_or(15), options.client_max_window_bits);
    agreed.name_client_bits = agreed.client_max_window_bits < 15;
  }
  return agreed;
}

}  // namespace

std::string DeflateOptions::Problem() const {
  const auto range = [](std::string_view name, int value, int low, int high) -> std::string {
    if (value >= low && value <= high) return {};
    return "deflate." + std::string(name) + ": value " + std::to_string(value) + ": expected " +
           std::to_string(low) + " to " + std::to_string(high);
  };
  for (std::string problem : {range("server_max_window_bits", server_max_window_bits, 9, 15),
                              range("client_max_window_bits", client_max_window_bits, 9, 15),
                              range("level", level, 1, 9), range("mem_level", mem_level, 1, 9)}) {
    if (!problem.empty()) return problem;
  }
  return {};
}

std::optional<DeflateParams> AcceptDeflateOffer(std::string_view offers,
                                                const DeflateOptions& options) {
  ExtensionReader reader(offers);
  std::string_view name;
  while (reader.NextExtension(name)) {
    if (!http::EqualsIgnoreCase(name, kName)) continue;
    if (const std::optional<Written> offer = ReadParameters(reader)) return Agree(*offer, options);
  }
  return std::nullopt;
}

std::string FormatDeflate(const DeflateParams& params) {
  std::string out(kName);
  if (params.server_no_context_takeover) out += "; server_no_context_takeover";
  if (params.client_no_context_takeover) out += "; client_no_context_takeover";
  if (params.name_server_bits) {
    out += "; server_max_window_bits=" + std::to_string(params.server_max_window_bits);
  }
  if (params.name_client_bits) {
    out += "; client_max_window_bits=" + std::to_string(params.client_max_window_bits);
  }
  return out;
}

std::string FormatDeflateOffer(const DeflateOptions& options) {
  std::string out(kName);
  if (options.server_no_context_takeover) out += "; server_no_context_takeover";
  if (options.client_no_context_takeover) out += "; client_no_context_takeover";
  if (options.server_max_window_bits < 15) {
    out += "; server_max_window_bits=" + std::to_string(options.server_max_window_bits);
  }
  out += "; client_max_window_bits";
  if (options.client_max_window_bits < 15) {
    out += "=" + std::to_string(options.client_max_window_bits);
  }
  return out;
}

std::optional<DeflateParams> CheckDeflateAnswer(std::string_view answer,
                                                const DeflateOptions& options) {
  ExtensionReader reader(answer);
  std::string_view name;
  if (!reader.NextExtension(name) || !http::EqualsIgnoreCase(name, kName)) return std::nullopt;
  const std::optional<Written> written = ReadParameters(reader);
  if (!written.has_value()) return std::nullopt;
  // One element, of an extension that was offered.
  if (reader.NextExtension(name) || reader.failed()) return std::nullopt;
  if (written->client_max_window_bits_named && !written->client_max_window_bits.has_value()) {
    return std::nullopt;  // §7.1.2.2: in an answer it has a value.
  }
  if (options.server_no_context_takeover && !written->server_no_context_takeover) {
    return std::nullopt;  // §7.1.1.1: an answer to it includes it.
  }
  DeflateParams agreed;
  agreed.server_no_context_takeover = written->server_no_context_takeover;
  agreed.client_no_context_takeover =
      written->client_no_context_takeover || options.client_no_context_takeover;
  agreed.server_max_window_bits = written->server_max_window_bits.value_or(15);
  agreed.client_max_window_bits =
      std::min(written->client_max_window_bits.value_or(15), options.client_max_window_bits);
  // §7.1.2.1: not more than was offered.
  if (agreed.server_max_window_bits > options.server_max_window_bits) return std::nullopt;
  agreed.name_server_bits = written->server_max_window_bits.has_value();
  agreed.name_client_bits = written->client_max_window_bits.has_value();
  return agreed;
}

}  // namespace corelane::ws
