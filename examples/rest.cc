// A REST service: a list of things to do, as JSON, in memory.
//
//   bazel run //examples:rest
//   curl -s 127.0.0.1:8080/tasks --json '{"title":"try corelane","done":false}'
//   curl -s '127.0.0.1:8080/tasks?done=false'
//   curl -s -X PUT 127.0.0.1:8080/tasks/1 --json '{"title":"try corelane","done":true}'
//   curl -s -X DELETE 127.0.0.1:8080/tasks/1

#include <boost/describe.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "examples/http_program.h"
#include "http/json/json.h"
#include "http/middleware.h"
#include "http/router.h"

namespace {

using namespace corelane;
using http::Path;
using http::Query;
using http::Response;

// What clients send.
struct NewTask {
  std::string title;
  bool done = false;
};
BOOST_DESCRIBE_STRUCT(NewTask, (), (title, done))

// What they get.
struct StoredTask {
  uint64_t id = 0;
  std::string title;
  bool done = false;
};
BOOST_DESCRIBE_STRUCT(StoredTask, (), (id, title, done))

// One lane serves it, so it needs no lock.
class TaskList {
 public:
  static constexpr size_t kMost = 10000;

  std::optional<StoredTask> Add(NewTask task) {
    if (tasks_.size() == kMost) return std::nullopt;
    const uint64_t id = next_++;
    return tasks_[id] = {id, std::move(task.title), task.done};
  }
  StoredTask* Find(uint64_t id) {
    const auto found = tasks_.find(id);
    return found == tasks_.end() ? nullptr : &found->second;
  }
  bool Remove(uint64_t id) { return tasks_.erase(id) > 0; }
  std::vector<StoredTask> All(std::optional<bool> done) const {
    std::vector<StoredTask> some;
    for (const auto& [id, task] : tasks_) {
      if (!done.has_value() || task.done == *done) some.push_back(task);
    }
    return some;
  }

 private:
  std::map<uint64_t, StoredTask> tasks_;
  uint64_t next_ = 1;
};

Response NoSuchTask() { return Response::Text("there is no such task\n", 404); }

http::Router Tasks() {
  const auto list = std::make_shared<TaskList>();
  http::Router router;
  router.Get("/", [list](Query<"done", std::optional<bool>> done) {
    return http::JsonResponse(list->All(*done));
  });
  router.Post("/", [list](http::Json<NewTask> task) {
    if (task->title.empty()) return Response::Text("title: expected a text, got ''\n", 400);
    const std::optional<StoredTask> added = list->Add(std::move(*task));
    if (!added) return Response::Text("the list is full\n", 507);
    Response response = http::JsonResponse(*added, 201);
    response.Add("Location", "/tasks/" + std::to_string(added->id));
    return response;
  });
  router.Get("/{id}", [list](Path<"id", uint64_t> id) {
    const StoredTask* const task = list->Find(*id);
    return task == nullptr ? NoSuchTask() : http::JsonResponse(*task);
  });
  router.Put("/{id}", [list](Path<"id", uint64_t> id, http::Json<NewTask> changed) {
    StoredTask* const task = list->Find(*id);
    if (task == nullptr) return NoSuchTask();
    *task = {*id, changed->title, changed->done};
    return http::JsonResponse(*task);
  });
  router.Delete("/{id}", [list](Path<"id", uint64_t> id) {
    return list->Remove(*id) ? Response(204) : NoSuchTask();
  });
  return router;
}

}  // namespace

int main(int argc, char** argv) {
  examples::HttpProgram program("rest", "Keeps a list of things to do, as JSON at /tasks.");
  return program.Run(argc, argv, [](const examples::HttpSite&, http::Router& router) {
    router.Get("/", [](const http::Request&) {
      return Response::Text("GET, POST /tasks    GET, PUT, DELETE /tasks/{id}\n");
    });
    router.Nest("/tasks", Tasks());
  });
}
