// Why a message was refused, and what to answer.

#ifndef CORELANE_HTTP_H1_PARSE_ERROR_H_
#define CORELANE_HTTP_H1_PARSE_ERROR_H_

#include <cstdint>

namespace corelane::http {

enum class ParseError : uint8_t {
  kNone,
  // Start line
  kBadMethod,
  kMethodTooLong,
  kBadTarget,
  kTargetTooLong,
  kTargetNotForMethod,
  kBadVersion,
  kUnsupportedVersion,
  kBadStatusLine,
  // Fields
  kBareLf,
  kBareCr,
  kBadFieldName,
  kSpaceBeforeColon,
  kBadFieldValue,
  kFoldedField,
  kTooManyFields,
  kHeadTooLarge,
  // What the fields say
  kMissingHost,
  kRepeatedHost,
  kBadHost,
  kBadContentLength,
  kRepeatedContentLength,
  kContentLengthTooLarge,
  kBadTransferEncoding,
  kUnknownTransferEncoding,
  kTransferEncodingWithContentLength,
  kTransferEncodingInHttp10,
  kUnknownExpectation,
  // Chunked bodies
  kBadChunkSize,
  kChunkTooLarge,
  kBadChunkExtension,
  kChunkExtensionsTooLong,
  kBadChunkEnd,
  kBadTrailer,
};

// One short phrase, for logs and for the body of the answer. Static storage.
const char* Reason(ParseError error);

// The status that answers it (RFC 9110 §15): 400, 413, 414, 417, 431, 501 or 505.
int StatusFor(ParseError error);

}  // namespace corelane::http

#endif  // CORELANE_HTTP_H1_PARSE_ERROR_H_
