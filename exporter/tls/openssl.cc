#include "exporter/tls/openssl.h"

#include <openssl/ui.h>

namespace pgtls::tls {

void NeverAskForPassphrases() {
  static UI_METHOD* const method = [] {
    UI_METHOD* created = UI_create_method("no terminal");
    if (created != nullptr) UI_method_set_opener(created, [](UI*) { return 0; });
    return created;
  }();
  if (method != nullptr) UI_set_default_method(method);
}

std::string DrainBio(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  std::string result(data, length > 0 ? static_cast<std::size_t>(length) : 0);
  BIO_reset(bio);
  return result;
}

std::string TakeOpensslError() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

}  // namespace pgtls::tls
