// The page of examples/chat.

#ifndef CORELANE_EXAMPLES_CHAT_PAGE_H_
#define CORELANE_EXAMPLES_CHAT_PAGE_H_

#include <string_view>

namespace corelane::examples {

std::string_view ChatPage();

}  // namespace corelane::examples

#endif  // CORELANE_EXAMPLES_CHAT_PAGE_H_
