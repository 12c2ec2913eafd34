// The page of examples/demo_page, embedded at build time.

#ifndef CORELANE_HTTP_DEMO_PAGE_H_
#define CORELANE_HTTP_DEMO_PAGE_H_

#include <string_view>

namespace corelane::http {

std::string_view DemoPage();

}  // namespace corelane::http

#endif  // CORELANE_HTTP_DEMO_PAGE_H_
