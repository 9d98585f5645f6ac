#include "exporter/tls/served_path.h"

#include <algorithm>

#include "exporter/tls/x509.h"

namespace pgtls::tls {
namespace {

// What is wrong is no matter here: the path is what counts.
int GoOn(int /*ok*/, X509_STORE_CTX* /*context*/) { return 1; }

}  // namespace

ServedPath PathOf(const std::vector<std::string>& chain, const TrustStore* trust) {
  ServedPath path{.needed = std::vector<bool>(chain.size(), false), .not_after = std::nullopt};
  std::vector<X509Ptr> certificates;
  const X509StackPtr sent(sk_X509_new_null());
  for (const std::string& der : chain) {
    certificates.push_back(DecodeCertificate(der));
    if (certificates.back() == nullptr) continue;
    X509_up_ref(certificates.back().get());
    sk_X509_push(sent.get(), certificates.back().get());
  }
  if (certificates.empty() || certificates.front() == nullptr) {
    path.needed.assign(chain.size(), true);
    return path;
  }
  const X509StorePtr none(X509_STORE_new());
  const X509StoreCtxPtr context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), trust == nullptr ? none.get() : trust->get(), certificates.front().get(),
                      sent.get());
  X509_STORE_CTX_set_default(context.get(), "ssl_server");
  X509_VERIFY_PARAM_clear_flags(X509_STORE_CTX_get0_param(context.get()), X509_V_FLAG_CRL_CHECK);
  X509_STORE_CTX_set_verify_cb(context.get(), GoOn);
  X509_verify_cert(context.get());
  STACK_OF(X509)* const built = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 0; i < sk_X509_num(built); ++i) {
    const X509* const on_path = sk_X509_value(built, i);
    const auto end = TimeOf(X509_get0_notAfter(on_path));
    if (end && (!path.not_after || *end < *path.not_after)) path.not_after = end;
    for (std::size_t position = 0; position < certificates.size(); ++position) {
      if (certificates[position] != nullptr && X509_cmp(certificates[position].get(), on_path) == 0) {
        path.needed[position] = true;
      }
    }
  }
  path.needed.front() = true;
  ERR_clear_error();
  return path;
}

}  // namespace pgtls::tls
