#include "exporter/tls/needed_certificates.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <string>

#include "exporter/tls/client_authorities.h"

namespace pgtls::tls {
namespace {

bool IsAuthority(const SharedX509& certificate) { return X509_check_ca(certificate.get()) != 0; }

bool IsValidRoot(X509* certificate, std::time_t now) {
  return X509_check_issued(certificate, certificate) == X509_V_OK &&
         X509_cmp_time(X509_get0_notBefore(certificate), &now) < 0 &&
         X509_cmp_time(X509_get0_notAfter(certificate), &now) > 0;
}

// Errors do not matter here, only the paths.
int GoOn(int /*ok*/, X509_STORE_CTX* /*context*/) { return 1; }

// Of the certificates that no authority's are: which ones their paths go over. A path to a valid root is preferred.
std::vector<bool> OnPaths(const Chain& certificates, std::chrono::sys_seconds now) {
  const std::time_t time = now.time_since_epoch().count();
  const X509StorePtr roots(X509_STORE_new());
  for (const SharedX509& one : certificates) {
    if (IsValidRoot(one.get(), time)) X509_STORE_add_cert(roots.get(), one.get());
  }
  const X509StackPtr all = StackOf(certificates);
  std::vector<bool> on_path(certificates.size(), false);
  for (const SharedX509& leaf : certificates) {
    if (IsAuthority(leaf)) continue;
    const X509StoreCtxPtr context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), roots.get(), leaf.get(), all.get());
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context.get()), time);
    X509_STORE_CTX_set_verify_cb(context.get(), GoOn);
    X509_verify_cert(context.get());
    STACK_OF(X509)* const path = X509_STORE_CTX_get0_chain(context.get());
    for (std::size_t i = 0; i < certificates.size(); ++i) {
      for (int at = 0; at < sk_X509_num(path) && !on_path[i]; ++at) {
        on_path[i] = X509_cmp(certificates[i].get(), sk_X509_value(path, at)) == 0;
      }
    }
  }
  return on_path;
}

bool IssuesAnother(const SharedX509& issuer, const Chain& certificates) {
  return std::ranges::any_of(certificates, [&issuer](const SharedX509& one) {
    return X509_cmp(one.get(), issuer.get()) != 0 && X509_check_issued(issuer.get(), one.get()) == X509_V_OK;
  });
}

}  // namespace

std::vector<bool> NeededCertificates(const Chain& certificates, std::chrono::sys_seconds now) {
  ClientVerification verification;
  for (const SharedX509& certificate : certificates) verification.authorities.push_back(DerOf(certificate.get()));
  std::vector<bool> needed = JudgeClientAuthorities(verification, now).needed;
  const std::vector<bool> on_path = OnPaths(certificates, now);
  const bool only_authorities = std::ranges::all_of(certificates, IsAuthority);
  for (std::size_t i = 0; i < certificates.size(); ++i) {
    if (on_path[i]) {
      needed[i] = true;
    } else if (!only_authorities && IssuesAnother(certificates[i], certificates)) {
      needed[i] = false;
    }
  }
  ERR_clear_error();
  return needed;
}

}  // namespace pgtls::tls
