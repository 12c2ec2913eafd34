#include "runtime/op_memory.h"

namespace corelane::runtime {

OpMemory::~OpMemory() {
  for (Free* list : free_) {
    while (list != nullptr) {
      Free* const next = list->next;
      ::operator delete(list);
      list = next;
    }
  }
}

}  // namespace corelane::runtime
