// examples/demo_page.html, embedded at build time.

#ifndef CORELANE_EXAMPLES_DEMO_PAGE_H_
#define CORELANE_EXAMPLES_DEMO_PAGE_H_

#include <string_view>

namespace corelane::examples {

std::string_view DemoPage();

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_DEMO_PAGE_H_
