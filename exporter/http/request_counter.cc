#include "exporter/http/request_counter.h"

namespace pgtls::http {

void RequestCounter::Count(std::string_view handler, int code) {
  Key key(handler, code);
  const std::lock_guard lock(mutex_);
  ++counts_[std::move(key)];
}

std::map<RequestCounter::Key, std::uint64_t> RequestCounter::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace pgtls::http
