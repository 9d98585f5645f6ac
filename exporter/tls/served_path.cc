#include "exporter/tls/served_path.h"

#include <set>

namespace pgtls::tls {
namespace {

// Continues after each error: most of them do not change the path. Records the depths with a wrong purpose.
int GoOn(int ok, X509_STORE_CTX* context) {
  if (ok == 0 && X509_STORE_CTX_get_error(context) == X509_V_ERR_INVALID_PURPOSE) {
    static_cast<std::set<int>*>(X509_STORE_CTX_get_app_data(context))->insert(X509_STORE_CTX_get_error_depth(context));
  }
  return 1;
}

using Time = std::optional<std::chrono::sys_seconds>;

bool IsEarlier(const Time& time, const Time& than) { return time && (!than || *time < *than); }

}  // namespace

ServedPath PathOf(const Chain& chain, const TrustStore* trust) {
  ServedPath path{.needed = std::vector<bool>(chain.size(), false), .not_after = std::nullopt};
  if (chain.empty()) return path;
  const X509StackPtr sent = StackOf(chain);
  const X509StorePtr none(X509_STORE_new());
  const X509StoreCtxPtr context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), trust == nullptr ? none.get() : trust->get(), chain.front().get(), sent.get());
  X509_STORE_CTX_set_default(context.get(), "ssl_server");
  X509_VERIFY_PARAM_clear_flags(X509_STORE_CTX_get0_param(context.get()), X509_V_FLAG_CRL_CHECK);
  std::set<int> wrong;
  X509_STORE_CTX_set_app_data(context.get(), &wrong);
  X509_STORE_CTX_set_verify_cb(context.get(), GoOn);
  X509_verify_cert(context.get());
  STACK_OF(X509)* const built = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 0; i < sk_X509_num(built); ++i) {
    X509* const on_path = sk_X509_value(built, i);
    const auto end = TimeOf(X509_get0_notAfter(on_path));
    if (IsEarlier(end, path.not_after)) path.not_after = end;
    bool sent_along = false;
    for (std::size_t position = 0; position < chain.size(); ++position) {
      if (X509_cmp(chain[position].get(), on_path) != 0) continue;
      path.needed[position] = true;
      if (wrong.contains(i)) path.wrong_purpose.push_back(position);
      sent_along = true;
    }
    if (!sent_along && (!path.anchor || IsEarlier(end, path.anchor->not_after))) path.anchor = FactsOf(on_path);
  }
  path.needed.front() = true;
  ERR_clear_error();
  return path;
}

}  // namespace pgtls::tls
