#include "exporter/tls/verify.h"

#include <arpa/inet.h>
#include <strings.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/file.h"

namespace pgtls::tls {
namespace {

void AddOnce(std::vector<std::string_view>& reasons, std::string_view reason) {
  if (std::ranges::find(reasons, reason) == reasons.end()) reasons.push_back(reason);
}

// Records the error and continues.
int RecordError(int ok, X509_STORE_CTX* context) {
  if (ok == 0) {
    auto* const reasons = static_cast<std::vector<std::string_view>*>(X509_STORE_CTX_get_app_data(context));
    AddOnce(*reasons, ChainErrorFor(X509_STORE_CTX_get_error(context)));
  }
  return 1;
}

// wildcard_certificate_match. REQUIRES: no null bytes in either.
bool WildcardMatches(const std::string& pattern, const std::string& host) {
  if (pattern.size() < 3 || !pattern.starts_with("*.") || pattern.size() > host.size()) return false;
  const std::size_t before = host.size() - pattern.size();
  return strcasecmp(pattern.c_str() + 1, host.c_str() + before + 1) == 0 && host.find('.') >= before;
}

enum class Match { kYes, kNo, kMalformed };

Match NameMatches(const ASN1_STRING* name, const std::string& host) {
  const std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)),
                         static_cast<std::size_t>(ASN1_STRING_length(name)));
  if (text.find('\0') != std::string::npos) return Match::kMalformed;  // CVE-2009-4034
  return strcasecmp(text.c_str(), host.c_str()) == 0 || WildcardMatches(text, host) ? Match::kYes : Match::kNo;
}

Match AddressMatches(const ASN1_OCTET_STRING* address, const std::string& host) {
  const unsigned char* const data = ASN1_STRING_get0_data(address);
  const auto length = static_cast<std::size_t>(ASN1_STRING_length(address));
  if (length == sizeof(in_addr)) {
    in_addr v4{};
    return inet_aton(host.c_str(), &v4) != 0 && std::memcmp(data, &v4, length) == 0 ? Match::kYes : Match::kNo;
  }
  if (length == sizeof(in6_addr)) {
    in6_addr v6{};
    return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && std::memcmp(data, &v6, length) == 0 ? Match::kYes
                                                                                              : Match::kNo;
  }
  return Match::kMalformed;
}

// pgtls_verify_peer_name_matches_certificate_guts.
Match CertificateMatches(const X509* certificate, const std::string& host) {
  const int host_kind = IsAddress(host) ? GEN_IPADD : GEN_DNS;
  bool common_name_counts = true;
  const GeneralNamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == host_kind) common_name_counts = false;
    Match match = Match::kNo;
    if (name->type == GEN_DNS) match = NameMatches(name->d.dNSName, host);
    if (name->type == GEN_IPADD) match = AddressMatches(name->d.iPAddress, host);
    if (match != Match::kNo) return match;
  }
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int position = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (!common_name_counts || position < 0) return Match::kNo;
  return NameMatches(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, position)), host);
}

}  // namespace

std::string_view ChainErrorFor(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "not_yet_valid";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "self_signed";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
      return "unknown_ca";
    case X509_V_ERR_CERT_REVOKED:
      return "revoked";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
      return "crl_missing";
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return "crl_expired";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return "too_weak";
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_CERT_REJECTED:
      return "wrong_purpose";
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
      return "invalid_ca";
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
      return "bad_signature";
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_SUBTREE_MINMAX:
      return "name_constraint";
    default:
      return "other";
  }
}

bool TrustStore::checks_revocation() const {
  return (X509_VERIFY_PARAM_get_flags(X509_STORE_get0_param(store_.get())) & X509_V_FLAG_CRL_CHECK) != 0;
}

std::shared_ptr<const TrustStore> TrustStore::Load(const std::string& root_file, const std::string& crl_file,
                                                   const std::string& crl_directory) {
  X509StorePtr store(X509_STORE_new());
  if (X509_STORE_load_file(store.get(), root_file.c_str()) != 1) {
    throw TlsError("root certificate file " + root_file + ": " + TakeOpensslError());
  }
  const bool wanted = !crl_file.empty() || !crl_directory.empty();
  if (wanted && X509_STORE_load_locations(store.get(), crl_file.empty() ? nullptr : crl_file.c_str(),
                                          crl_directory.empty() ? nullptr : crl_directory.c_str()) == 1) {
    X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  }
  ERR_clear_error();
  return std::shared_ptr<const TrustStore>(new TrustStore(std::move(store)));
}

std::shared_ptr<const TrustStore> TrustStore::System() {
  X509StorePtr store(X509_STORE_new());
  if (X509_STORE_set_default_paths(store.get()) != 1)
    throw TlsError("the system's root certificates: " + TakeOpensslError());
  ERR_clear_error();
  return std::shared_ptr<const TrustStore>(new TrustStore(std::move(store)));
}

std::shared_ptr<const TrustStore> TrustStore::LoadShared(const std::string& root_file, const std::string& crl_file,
                                                         const std::string& crl_directory) {
  // OpenSSL reads these directories (a list with ':') when it verifies, and keeps what it read: whether a
  // cached store is still current cannot be checked beforehand.
  if (!crl_directory.empty()) return Load(root_file, crl_file, crl_directory);
  // Kept from one collection to the next, for a fleet has few; a system's bundle takes 20 ms to load.
  constexpr std::size_t kMost = 8;
  static std::mutex mutex;
  static std::list<std::pair<std::string, std::shared_ptr<const TrustStore>>> stores;  // the last used first
  const auto list = FileIdentity(crl_file);
  const std::string key =
      root_file + ":" + FileIdentity(root_file).value_or("-") + "|" + crl_file + ":" + list.value_or("-");
  const std::lock_guard lock(mutex);
  const auto found = std::ranges::find(stores, key, [](const auto& entry) { return entry.first; });
  if (found != stores.end()) {
    stores.splice(stores.begin(), stores, found);
    return stores.front().second;
  }
  auto store = Load(root_file, crl_file, "");
  // A list that was there and could not be read now (no descriptor was left) may be read the next time.
  if (!store->checks_revocation() && list) return store;
  stores.emplace_front(key, store);
  if (stores.size() > kMost) stores.pop_back();
  return store;
}

std::vector<std::string_view> VerifyChain(const Chain& chain, const TrustStore& trust, int security_level) {
  std::vector<std::string_view> reasons;
  if (chain.empty()) return {"no_certificate"};
  const X509StackPtr certificates = StackOf(chain);
  // As ssl_verify_cert_chain sets it up.
  const X509StoreCtxPtr context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), trust.get(), sk_X509_value(certificates.get(), 0), certificates.get());
  X509_STORE_CTX_set_default(context.get(), "ssl_server");
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(context.get()), security_level);
  X509_STORE_CTX_set_app_data(context.get(), &reasons);
  X509_STORE_CTX_set_verify_cb(context.get(), RecordError);
  if (X509_verify_cert(context.get()) != 1 && reasons.empty()) reasons.emplace_back("other");
  ERR_clear_error();
  return reasons;
}

bool IsAddress(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  return inet_aton(host.c_str(), &v4) != 0 || inet_pton(AF_INET6, host.c_str(), &v6) == 1;
}

std::optional<std::string_view> VerifyHostName(const X509* certificate, const std::string& host) {
  if (certificate == nullptr) return "no_certificate";
  if (host.empty()) return "no_host_name";
  const Match match = CertificateMatches(certificate, host);
  ERR_clear_error();
  switch (match) {
    case Match::kYes:
      return std::nullopt;
    case Match::kMalformed:
      return "malformed_name";
    case Match::kNo:
      break;
  }
  return "mismatch";
}

}  // namespace pgtls::tls
