#include "stack/path.h"

namespace corelane::stack {

Path* PathTable::Acquire(const IpAddress& local, const IpAddress& remote) {
  const tcp::FourTuple key{local, remote, 0, 0};
  const uint32_t hash = table_.Hash(key);
  Path* path = table_.Find(key, hash);
  if (path == nullptr) {
    path = pool_.New();
    if (path == nullptr) return nullptr;
    path->key = key;
    path->addresses_sum = PseudoHeaderSum(local, remote, 0, 0);
    table_.Insert(path, hash);
  }
  ++path->references;
  return path;
}

void PathTable::Release(Path* path) {
  if (--path->references > 0) return;
  table_.Remove(path);
  pool_.Delete(path);
}

}  // namespace corelane::stack
