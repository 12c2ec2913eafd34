#include "http/h1/llhttp_oracle.h"

#include "http/h1/llhttp/llhttp.h"

#ifdef CORELANE_HAVE_LLHTTP

struct oracle {
  corelane_oracle_sink sink;
  void* context;
};

static int emit(llhttp_t* parser, enum corelane_oracle_event event, const char* at, size_t size) {
  const struct oracle* const oracle = (const struct oracle*)parser->data;
  oracle->sink(oracle->context, event, at, size);
  return 0;
}

static int on_method(llhttp_t* p, const char* at, size_t n) {
  return emit(p, CORELANE_ORACLE_METHOD, at, n);
}
static int on_url(llhttp_t* p, const char* at, size_t n) {
  return emit(p, CORELANE_ORACLE_URL, at, n);
}
static int on_field(llhttp_t* p, const char* at, size_t n) {
  return emit(p, CORELANE_ORACLE_FIELD_NAME, at, n);
}
static int on_value(llhttp_t* p, const char* at, size_t n) {
  return emit(p, CORELANE_ORACLE_FIELD_VALUE, at, n);
}
static int on_value_end(llhttp_t* p) { return emit(p, CORELANE_ORACLE_FIELD_END, "", 0); }
static int on_head(llhttp_t* p) { return emit(p, CORELANE_ORACLE_HEAD_END, "", 0); }
static int on_body(llhttp_t* p, const char* at, size_t n) {
  return emit(p, CORELANE_ORACLE_BODY, at, n);
}
static int on_message(llhttp_t* p) { return emit(p, CORELANE_ORACLE_MESSAGE_END, "", 0); }

int corelane_oracle_available(void) { return 1; }

int corelane_oracle_parse(const char* data, size_t size, corelane_oracle_sink sink,
                          void* context) {
  struct oracle oracle;
  llhttp_settings_t settings;
  llhttp_t parser;
  oracle.sink = sink;
  oracle.context = context;
  llhttp_settings_init(&settings);
  settings.on_method = on_method;
  settings.on_url = on_url;
  settings.on_header_field = on_field;
  settings.on_header_value = on_value;
  settings.on_header_value_complete = on_value_end;
  settings.on_headers_complete = on_head;
  settings.on_body = on_body;
  settings.on_message_complete = on_message;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  parser.data = &oracle;
  return (int)llhttp_execute(&parser, data, size);
}

#else

int corelane_oracle_available(void) { return 0; }

int corelane_oracle_parse(const char* data, size_t size, corelane_oracle_sink sink,
                          void* context) {
  (void)data;
  (void)size;
  (void)sink;
  (void)context;
  return 0;
}

#endif
