// What handlers share: a database, a cache, settings.
//
//   router.Get("/users/{id}", [](State<Users> users, Path<"id", uint32_t> id) {
//     return Response::Text(users->Name(*id));
//   });
//   router.Provide(std::make_shared<Users>(path));     // for the routes that there are
//
// Router::Provide() gives the value to each route that asks for State<T> and has none yet, so a
// nested router may have its own; a route that gets none is an error of Router::status(), which
// names it. Nothing is looked up when a request comes. Extractors of your own may ask for state,
// too:
//
//   template <>
//   struct corelane::http::FromRequest<Session> {
//     static Extracted<Session> From(const Request& request, State<const Sessions> sessions);
//   };
//
// Threads: a value is used by every thread that serves the router. Where lanes share one router, T
// is safe to use by many threads at once, or never changes: then ask for State<const T>. Where each
// lane has its own router, give each its own value, and T needs nothing.

#ifndef CORELANE_HTTP_STATE_H_
#define CORELANE_HTTP_STATE_H_

#include <memory>
#include <string_view>
#include <type_traits>

namespace corelane::http {
namespace internal {

template <class T>
inline char kTypeKey = 0;  // Its address is the type's name for the program.

// T's name for people.
template <class T>
std::string_view TypeName() {
  std::string_view text = __PRETTY_FUNCTION__;
  const size_t begin = text.find("T = ");
  if (begin == std::string_view::npos) return "?";
  text.remove_prefix(begin + 4);
  return text.substr(0, text.find_first_of(";]"));
}

// What one handler asks for, and what it has been given.
struct StateNeed {
  const char* type;
  std::string_view type_name;  // As the handler has it, const included.
  bool changes;                // It wants a T that is not const.
  std::shared_ptr<void> value;
};

}  // namespace internal

// A parameter of a handler or of FromRequest<>::From: the T that was provided. Lives as long as the
// router.
template <class T>
class State {
 public:
  explicit State(T& value) : value_(&value) {}

  T& operator*() const { return *value_; }
  T* operator->() const { return value_; }

 private:
  T* value_;
};

}  // namespace corelane::http

#endif  // CORELANE_HTTP_STATE_H_
