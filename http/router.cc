#include "http/router.h"

#include <algorithm>

#include "core/check.h"
#include "http/wire/syntax.h"

namespace corelane::http {
namespace {

constexpr size_t kMaxSegments = 32;
constexpr std::string_view kAllMethods = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";

// The segments of a path behind its first "/".
struct Segments {
  std::array<std::string_view, kMaxSegments> list;
  size_t count = 0;

  // False when there are too many.
  bool Split(std::string_view path) {
    size_t at = 1;
    for (;;) {
      if (count == kMaxSegments) return false;
      const size_t end = std::min(path.find('/', at), path.size());
      list[count++] = path.substr(at, end - at);
      if (end == path.size()) return true;
      at = end + 1;
    }
  }

  // Decodes all segments into `scratch`, where they stay joined by slashes.
  bool Decode(std::string& scratch) {
    std::array<size_t, kMaxSegments> ends{};
    scratch.clear();
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) scratch.push_back('/');
      if (!AppendPercentDecoded(list[i], scratch)) return false;
      ends[i] = scratch.size();
    }
    size_t begin = 0;
    for (size_t i = 0; i < count; ++i) {
      list[i] = std::string_view(scratch).substr(begin, ends[i] - begin);
      begin = ends[i] + 1;
    }
    return true;
  }
};

// A coroutine, which answers without reading the request's body.
Handler Automatic(Response (*answer)(const std::string& allow), std::string allow) {
  Handler made;
  made.coroutine = [answer, allow = std::move(allow)](const Request&) {
    return internal::Answer(answer(allow));
  };
  return made;
}

Response AnswerOptions(const std::string& allow) {
  return std::move(Response(204).Add("Allow", allow));
}
Response AnswerMethodNotAllowed(const std::string& allow) {
  return std::move(Response::Static("text/plain", "method not allowed\n", 405).Add("Allow", allow));
}
Response AnswerNotFound(const std::string&) {
  return Response::Static("text/plain", "not found\n", 404);
}
Response AnswerBadPath(const std::string&) {
  return Response::Static("text/plain", "the path is malformed\n", 400);
}

Handler WrapAll(const std::vector<Middleware>& layers, Handler handler) {
  for (const Middleware& layer : layers) handler = Wrap(layer, std::move(handler));
  return handler;
}

}  // namespace

// What a router answers by itself is made a handler as soon as there is middleware to put around
// it; without, RouteMatch::kind leaves it to the engine.
struct Router::Node {
  enum class Kind : uint8_t { kText, kParam, kRest };

  Kind kind = Kind::kText;
  std::string name;  // The text, or the parameter's name.
  std::vector<std::unique_ptr<Node>> text;
  std::unique_ptr<Node> param;
  std::unique_ptr<Node> rest;
  std::array<Handler, kMethodCount> handlers;
  std::string allow;  // Empty: no route ends here.
  Handler fallback;   // Of what is below and has no route.

  // What Use() has put around this route, innermost first, and the answers inside of it.
  std::vector<Middleware> layers;
  Handler options;
  Handler refused;
  // The same for a router as a whole, at its root or where it has been nested.
  std::vector<Middleware> root_layers;
  Handler not_found;
  Handler bad_path;
  Handler server_options;  // OPTIONS *

  void Layer(const Middleware& middleware) {
    if (!allow.empty()) {
      layers.push_back(middleware);
      MakeAutomatic();
    }
    for (const auto& child : text) child->Layer(middleware);
    if (param != nullptr) param->Layer(middleware);
    if (rest != nullptr) rest->Layer(middleware);
    if (not_found) LayerRoot(middleware);
  }
  void LayerRoot(const Middleware& middleware) {
    root_layers.push_back(middleware);
    not_found = WrapAll(root_layers, Automatic(AnswerNotFound, ""));
    bad_path = WrapAll(root_layers, Automatic(AnswerBadPath, ""));
    server_options = WrapAll(root_layers, Automatic(AnswerOptions, std::string(kAllMethods)));
  }
  void MakeAutomatic() {
    if (layers.empty()) return;
    options = WrapAll(layers, Automatic(AnswerOptions, allow));
    refused = WrapAll(layers, Automatic(AnswerMethodNotAllowed, allow));
  }

  void ForEachHandler(const std::function<void(Handler&)>& visit) {
    for (Handler& handler : handlers) {
      if (handler) visit(handler);
    }
    if (fallback) visit(fallback);
    for (const auto& child : text) child->ForEachHandler(visit);
    if (param != nullptr) param->ForEachHandler(visit);
    if (rest != nullptr) rest->ForEachHandler(visit);
  }

  // The first state that a handler lacks, as a text that says where; empty: none does.
  std::string FindNeed(const std::string& pattern) const {
    const auto look = [&](const Handler& handler, std::string_view what) {
      for (const auto& need : handler.needs) {
        if (need->value != nullptr) continue;
        return std::string(what) + " \"" + (pattern.empty() ? "/" : pattern) +
               "\" asks for State<" + std::string(need->type_name) +
               ">: expected Router::Provide() of a " + std::string(need->type_name) +
               " after the route has been added";
      }
      return std::string();
    };
    for (size_t i = 0; i < kMethodCount; ++i) {
      std::string found = look(handlers[i], "route " + std::string(kMethodNames[i]));
      if (!found.empty()) return found;
    }
    std::string found = look(fallback, "the fallback of");
    const auto go_down = [&](const Node* child, std::string_view segment) {
      if (found.empty() && child != nullptr) {
        found = child->FindNeed(pattern + "/" + std::string(segment));
      }
    };
    for (const auto& child : text) go_down(child.get(), child->name);
    if (param != nullptr) go_down(param.get(), "{" + param->name + "}");
    if (rest != nullptr) go_down(rest.get(), "{*" + rest->name + "}");
    return found;
  }

  // The longest way down from here, and the most parameters on one.
  struct Reach {
    size_t segments = 0;
    size_t params = 0;
  };
  Reach Measure() const {
    Reach reach;
    const auto look = [&](const Node& child) {
      const Reach below = child.Measure();
      reach.segments = std::max(reach.segments, below.segments + 1);
      reach.params = std::max(reach.params, below.params + (child.kind == Kind::kText ? 0 : 1));
    };
    for (const auto& child : text) look(*child);
    if (param != nullptr) look(*param);
    if (rest != nullptr) look(*rest);
    return reach;
  }

  const Handler* HandlerFor(Method method) const {
    const Handler& own = handlers[static_cast<size_t>(method)];
    if (own) return &own;
    const Handler& get = handlers[static_cast<size_t>(Method::kGet)];
    return method == Method::kHead && get ? &get : nullptr;
  }

  void UpdateAllow() {
    allow.clear();
    for (size_t i = 1; i < kMethodCount; ++i) {
      const Method method = static_cast<Method>(i);
      if (method != Method::kOptions && HandlerFor(method) == nullptr) continue;
      if (!allow.empty()) allow += ", ";
      allow += MethodName(method);
    }
    MakeAutomatic();
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::Fail(std::string_view pattern, std::string_view problem) {
  if (!status_.ok()) return;
  const std::string message = "route \"" + std::string(pattern) + "\": " + std::string(problem) +
                              "; a pattern is like /users/{id} or /files/{*path}";
  status_ = absl::InvalidArgumentError(message);
}

Router::Node* Router::Insert(std::string_view pattern) {
  Segments segments;
  if (pattern.empty() || pattern.front() != '/') {
    Fail(pattern, "it does not begin with \"/\"");
    return nullptr;
  }
  if (!segments.Split(pattern)) {
    Fail(pattern, "it has more than 32 segments");
    return nullptr;
  }
  Node* node = root_.get();
  size_t params = 0;
  for (size_t i = 0; i < segments.count; ++i) {
    std::string_view segment = segments.list[i];
    const bool braces = segment.size() >= 2 && segment.front() == '{' && segment.back() == '}';
    if (!braces) {
      if (segment.find_first_of("{}") != std::string_view::npos) {
        Fail(pattern, "a parameter must be a whole segment");
        return nullptr;
      }
      const auto found = std::find_if(node->text.begin(), node->text.end(),
                                      [&](const auto& child) { return child->name == segment; });
      if (found != node->text.end()) {
        node = found->get();
        continue;
      }
      node->text.push_back(std::make_unique<Node>());
      node = node->text.back().get();
      node->name = std::string(segment);
      continue;
    }
    segment = segment.substr(1, segment.size() - 2);
    const bool rest = !segment.empty() && segment.front() == '*';
    if (rest) segment.remove_prefix(1);
    if (segment.empty() || ++params > PathParams::kMax) {
      Fail(pattern, segment.empty() ? "a parameter has no name" : "it has more than 8 parameters");
      return nullptr;
    }
    if (rest && i + 1 != segments.count) {
      Fail(pattern, "a {*rest} parameter must be the last segment");
      return nullptr;
    }
    std::unique_ptr<Node>& child = rest ? node->rest : node->param;
    if (child == nullptr) {
      child = std::make_unique<Node>();
      child->kind = rest ? Node::Kind::kRest : Node::Kind::kParam;
      child->name = std::string(segment);
    } else if (child->name != segment) {
      Fail(pattern, "the same place has another name, {" + child->name + "}, in another route");
      return nullptr;
    }
    node = child.get();
  }
  return node;
}

Router& Router::Add(Method method, std::string_view pattern, Handler handler) {
  CL_CHECK(handler);
  Node* const node = Insert(pattern);
  if (node == nullptr) return *this;
  Handler& place = node->handlers[static_cast<size_t>(method)];
  if (place) {
    Fail(pattern, "this method has a handler already");
    return *this;
  }
  place = std::move(handler);
  node->UpdateAllow();
  return *this;
}

Router& Router::SetFallback(Handler handler) {
  CL_CHECK(handler);
  if (root_->fallback && status_.ok()) {
    status_ = absl::InvalidArgumentError("router: it has a fallback already; give it one");
    return *this;
  }
  root_->fallback = std::move(handler);
  return *this;
}

void Router::AbsorbChild(std::unique_ptr<Node>& to, std::unique_ptr<Node>& from,
                         const std::string& pattern) {
  if (from == nullptr) return;
  const bool rest = from->kind == Node::Kind::kRest;
  const std::string below = pattern + (rest ? "/{*" : "/{") + from->name + "}";
  if (to == nullptr) {
    to = std::move(from);
  } else if (to->name != from->name) {
    Fail(below, "the same place has another name, {" + to->name + "}, in another route");
  } else {
    Absorb(*to, *from, below);
  }
}

void Router::Absorb(Node& to, Node& from, const std::string& pattern) {
  for (size_t i = 0; i < kMethodCount; ++i) {
    if (!from.handlers[i]) continue;
    if (to.handlers[i]) {
      Fail(pattern.empty() ? "/" : pattern, "this method has a handler already");
    } else {
      to.handlers[i] = std::move(from.handlers[i]);
    }
  }
  if (to.layers.empty()) to.layers = std::move(from.layers);
  if (!from.allow.empty()) to.UpdateAllow();
  if (from.fallback && !to.fallback) to.fallback = std::move(from.fallback);
  if (from.not_found && !to.not_found) {
    to.root_layers = std::move(from.root_layers);
    to.not_found = std::move(from.not_found);
  }
  for (auto& child : from.text) {
    const auto found = std::find_if(to.text.begin(), to.text.end(),
                                    [&](const auto& t) { return t->name == child->name; });
    if (found == to.text.end()) {
      to.text.push_back(std::move(child));
    } else {
      Absorb(**found, *child, pattern + "/" + child->name);
    }
  }
  AbsorbChild(to.param, from.param, pattern);
  AbsorbChild(to.rest, from.rest, pattern);
}

Router& Router::Merge(Router other) {
  if (status_.ok()) status_ = other.status_;
  other.root_->not_found = {};  // Of two whole routers this one goes on.
  Absorb(*root_, *other.root_, "");
  return *this;
}

Router& Router::Nest(std::string_view prefix, Router inner) {
  if (status_.ok()) status_ = inner.status_;
  const bool bad =
      prefix.size() < 2 || prefix.ends_with('/') || prefix.find("{*") != std::string_view::npos;
  if (bad) {
    Fail(prefix, "a prefix is like /api, without a slash at its end and without {*rest}");
    return *this;
  }
  Node* const node = Insert(prefix);
  if (node == nullptr) return *this;
  const Node::Reach reach = inner.root_->Measure();
  const auto in_prefix = [&](char c) {
    return static_cast<size_t>(std::count(prefix.begin(), prefix.end(), c));
  };
  if (reach.segments + in_prefix('/') > kMaxSegments ||
      reach.params + in_prefix('{') > PathParams::kMax) {
    Fail(prefix, "a route below it has more than 32 segments or 8 parameters");
    return *this;
  }
  // The inner "/" ends in a segment without a text: here it is the prefix.
  Node& root = *inner.root_;
  for (auto child = root.text.begin(); child != root.text.end(); ++child) {
    if (!(*child)->name.empty()) continue;
    const std::unique_ptr<Node> top = std::move(*child);
    root.text.erase(child);
    Absorb(*node, *top, std::string(prefix));
    break;
  }
  Absorb(*node, root, std::string(prefix));
  return *this;
}

Router& Router::Provide(const char* type, std::string_view type_name, bool is_const,
                        std::shared_ptr<void> value) {
  if (value == nullptr) {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError("router: Provide() of " + std::string(type_name) +
                                           ": value null: expected one");
    }
    return *this;
  }
  root_->ForEachHandler([&](Handler& handler) {
    for (const auto& need : handler.needs) {
      if (need->type != type || need->value != nullptr || (need->changes && is_const)) continue;
      need->value = value;
    }
  });
  return *this;
}

absl::Status Router::status() const {
  if (!status_.ok()) return status_;
  const std::string need = root_->FindNeed("");
  return need.empty() ? absl::OkStatus() : absl::FailedPreconditionError(need);
}

Router& Router::Use(Middleware middleware) {
  CL_CHECK(middleware);
  root_->ForEachHandler([&](Handler& handler) { handler = Wrap(middleware, std::move(handler)); });
  const bool first = !root_->not_found;
  root_->Layer(middleware);
  if (first) root_->LayerRoot(middleware);
  return *this;
}

// Of the routers that the path leads into, the innermost one's that was given; else the innermost
// one's own.
const Handler* Router::FindFallback(const std::string_view* segment, size_t left) const {
  const Handler* found = nullptr;
  const Handler* own = nullptr;
  const Node* node = root_.get();
  while (node != nullptr) {
    if (node->fallback) found = &node->fallback;
    if (node->not_found) own = &node->not_found;
    if (left == 0) break;
    const Node* next = node->param.get();
    for (const auto& child : node->text) {
      if (child->name == *segment) next = child.get();
    }
    node = next;
    ++segment;
    --left;
  }
  return found != nullptr ? found : own;
}

// Each node of the tree is tried at most once, for its depth fixes the segment: no blow-up.
const Router::Node* Router::Find(const Node& node, const std::string_view* segment, size_t left,
                                 PathParams& params) const {
  if (left == 0) return node.allow.empty() ? nullptr : &node;
  for (const auto& child : node.text) {
    if (child->name != *segment) continue;
    if (const Node* found = Find(*child, segment + 1, left - 1, params)) return found;
    break;
  }
  const size_t before = params.size();
  if (node.param != nullptr && !segment->empty()) {
    params.Add(node.param->name, *segment);
    if (const Node* found = Find(*node.param, segment + 1, left - 1, params)) return found;
    params.Truncate(before);
  }
  if (node.rest != nullptr) {
    const char* const end = segment[left - 1].data() + segment[left - 1].size();
    params.Add(node.rest->name,
               std::string_view(segment->data(), static_cast<size_t>(end - segment->data())));
    return node.rest.get();
  }
  return nullptr;
}

RouteMatch Router::Match(Method method, std::string_view path, PathParams& params,
                         std::string& scratch) const {
  using Kind = RouteMatch::Kind;
  params.Clear();
  // `kind`, or the handler that answers it inside of middleware.
  const auto answer = [](Kind kind, const Handler& handler, std::string_view allow = {}) {
    return handler ? RouteMatch{Kind::kFound, &handler, allow} : RouteMatch{kind, nullptr, allow};
  };
  if (path == "*" && method == Method::kOptions) {  // RFC 9110 §9.3.7
    return answer(Kind::kOptions, root_->server_options, kAllMethods);
  }
  Segments segments;
  if (path.empty() || path.front() != '/' || !segments.Split(path)) {
    return answer(Kind::kNotFound, root_->not_found);
  }
  if (path.find('%') != std::string_view::npos && !segments.Decode(scratch)) {
    return answer(Kind::kBadPath, root_->bad_path);
  }
  const Node* const node = Find(*root_, segments.list.data(), segments.count, params);
  if (node == nullptr) {
    const Handler* const fallback = FindFallback(segments.list.data(), segments.count);
    return {fallback != nullptr ? Kind::kFound : Kind::kNotFound, fallback, {}};
  }
  if (const Handler* const handler = node->HandlerFor(method)) {
    return {Kind::kFound, handler, node->allow};
  }
  return method == Method::kOptions ? answer(Kind::kOptions, node->options, node->allow)
                                    : answer(Kind::kMethodNotAllowed, node->refused, node->allow);
}

Response AnswerUnrouted(const RouteMatch& match) {
  switch (match.kind) {
    case RouteMatch::Kind::kBadPath:
      return Response::Static("text/plain", "the path is malformed\n", 400);
    case RouteMatch::Kind::kMethodNotAllowed:
      return std::move(
          Response::Static("text/plain", "method not allowed\n", 405).Add("Allow", match.allow));
    case RouteMatch::Kind::kOptions:
      return std::move(Response(204).Add("Allow", match.allow));
    case RouteMatch::Kind::kNotFound:
    case RouteMatch::Kind::kFound:
      break;
  }
  return Response::Static("text/plain", "not found\n", 404);
}

}  // namespace corelane::http
