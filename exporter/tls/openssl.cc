#include "exporter/tls/openssl.h"

namespace pgtls::tls {

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
