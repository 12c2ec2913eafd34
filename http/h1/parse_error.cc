#include "http/h1/parse_error.h"

namespace corelane::http {

const char* Reason(ParseError error) {
  switch (error) {
    case ParseError::kNone:
      return "no error";
    case ParseError::kBadMethod:
      return "the method is not a token followed by one space";
    case ParseError::kMethodTooLong:
      return "the method is too long";
    case ParseError::kBadTarget:
      return "the request target is malformed";
    case ParseError::kTargetTooLong:
      return "the request target is too long";
    case ParseError::kTargetNotForMethod:
      return "this form of target is not for this method";
    case ParseError::kBadVersion:
      return "the version is malformed";
    case ParseError::kUnsupportedVersion:
      return "only HTTP/1.0 and HTTP/1.1 are spoken here";
    case ParseError::kBadStatusLine:
      return "the status line is malformed";
    case ParseError::kBareLf:
      return "a line ends in LF without CR";
    case ParseError::kBareCr:
      return "CR without LF";
    case ParseError::kBadFieldName:
      return "a field name is not a token";
    case ParseError::kSpaceBeforeColon:
      return "white space between a field name and its colon";
    case ParseError::kBadFieldValue:
      return "a control character in a field value";
    case ParseError::kFoldedField:
      return "a folded field line";
    case ParseError::kTooManyFields:
      return "too many field lines";
    case ParseError::kHeadTooLarge:
      return "the field section is too large";
    case ParseError::kMissingHost:
      return "Host is missing";
    case ParseError::kRepeatedHost:
      return "Host is given more than once";
    case ParseError::kBadHost:
      return "Host is malformed";
    case ParseError::kBadContentLength:
      return "Content-Length is not a number";
    case ParseError::kRepeatedContentLength:
      return "Content-Length is given more than once";
    case ParseError::kContentLengthTooLarge:
      return "Content-Length is too large";
    case ParseError::kBadTransferEncoding:
      return "Transfer-Encoding does not end in one chunked";
    case ParseError::kUnknownTransferEncoding:
      return "an unknown transfer coding";
    case ParseError::kTransferEncodingWithContentLength:
      return "both Transfer-Encoding and Content-Length";
    case ParseError::kTransferEncodingInHttp10:
      return "Transfer-Encoding in HTTP/1.0";
    case ParseError::kUnknownExpectation:
      return "an unknown expectation";
    case ParseError::kBadChunkSize:
      return "a chunk size is malformed";
    case ParseError::kChunkTooLarge:
      return "a chunk size is too large";
    case ParseError::kBadChunkExtension:
      return "a chunk extension is malformed";
    case ParseError::kChunkExtensionsTooLong:
      return "chunk extensions are too long";
    case ParseError::kBadChunkEnd:
      return "chunk data is not followed by CRLF";
    case ParseError::kBadTrailer:
      return "a field that must not be a trailer";
  }
  return "unknown error";
}

int StatusFor(ParseError error) {
  switch (error) {
    case ParseError::kContentLengthTooLarge:
    case ParseError::kChunkTooLarge:
      return 413;
    case ParseError::kTargetTooLong:
      return 414;
    case ParseError::kUnknownExpectation:
      return 417;
    case ParseError::kTooManyFields:
    case ParseError::kHeadTooLarge:
      return 431;
    case ParseError::kMethodTooLong:
    case ParseError::kUnknownTransferEncoding:
      return 501;
    case ParseError::kUnsupportedVersion:
      return 505;
    default:
      return 400;
  }
}

}  // namespace corelane::http
