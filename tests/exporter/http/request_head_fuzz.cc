#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "exporter/http/request_head.h"

// Whatever the bytes: what the head claims lies within them, and a longer text gives the same answer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto parsed = pgtls::http::ParseRequestHead(bytes);
  if (!parsed || !*parsed) return 0;
  const auto& head = **parsed;
  if (head.head_bytes > size || head.head_bytes > pgtls::http::kMaxHeadBytes) std::abort();
  if (head.body_bytes > pgtls::http::kMaxBodyBytes) std::abort();
  const auto again = pgtls::http::ParseRequestHead(bytes.substr(0, head.head_bytes));
  if (!again || !*again || (*again)->head_bytes != head.head_bytes || (*again)->body_bytes != head.body_bytes)
    std::abort();
  if (head.origin_form) {
    // What is passed on is a head of the same message, and no longer one to be rewritten.
    const auto passed = pgtls::http::ParseRequestHead(*head.origin_form);
    if (!passed && passed.error() == 431) return 0;  // a Host was added to as much as a head may have
    if (!passed || !*passed || (*passed)->origin_form || (*passed)->head_bytes != head.origin_form->size() ||
        (*passed)->body_bytes != head.body_bytes || (*passed)->keep_alive != head.keep_alive)
      std::abort();
  }
  return 0;
}
