/* llhttp in strict mode, reduced to what the differential test compares. */

#ifndef CORELANE_HTTP_H1_LLHTTP_ORACLE_H_
#define CORELANE_HTTP_H1_LLHTTP_ORACLE_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum corelane_oracle_event {
  CORELANE_ORACLE_METHOD,
  CORELANE_ORACLE_URL,
  CORELANE_ORACLE_FIELD_NAME,
  CORELANE_ORACLE_FIELD_VALUE,
  CORELANE_ORACLE_FIELD_END,
  CORELANE_ORACLE_HEAD_END,
  CORELANE_ORACLE_BODY,
  CORELANE_ORACLE_MESSAGE_END,
};

/* NOLINTNEXTLINE(modernize-use-using): it is C. */
typedef void (*corelane_oracle_sink)(void* context, enum corelane_oracle_event event,
                                     const char* at, size_t size);

/* 0 when llhttp was not there at build time. */
int corelane_oracle_available(void);

/* Parses requests; returns llhttp's error number, 0 for none. */
int corelane_oracle_parse(const char* data, size_t size, corelane_oracle_sink sink, void* context);

#ifdef __cplusplus
}
#endif

#endif /* CORELANE_HTTP_H1_LLHTTP_ORACLE_H_ */
