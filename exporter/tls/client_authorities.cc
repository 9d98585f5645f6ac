#include "exporter/tls/client_authorities.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "exporter/tls/specimen.h"

namespace pgtls::tls {
namespace {

using std::chrono::sys_seconds;

void FreeCrlStack(STACK_OF(X509_CRL) * stack) { sk_X509_CRL_pop_free(stack, X509_CRL_free); }
using CrlStackPtr = std::unique_ptr<STACK_OF(X509_CRL), OpensslDeleter<FreeCrlStack>>;

X509Ptr Decode(const std::string& der) {
  const auto* data = reinterpret_cast<const unsigned char*>(der.data());
  return X509Ptr(d2i_X509(nullptr, &data, static_cast<long>(der.size())));
}

// ---- One verification

struct Offer {
  const List* list;
  const DecodedListFile* file;
};

// The input and the result of one verification.
struct Question {
  const std::vector<DecodedListFile>& files;
  EVP_PKEY* authority_key;  // null: the certificate is a real one, with its own signature
  std::vector<Refusal> refusals;
  std::set<const DecodedListFile*> opened;  // of ssl_crl_dir, so far
  std::vector<Offer> offered;               // lists that OpenSSL chose from
  // Of the path's certificate that ends first.
  std::optional<sys_seconds> first_end;
  std::optional<sys_seconds> first_begin;
};

Question& QuestionOf(const X509_STORE_CTX* context) {
  return *static_cast<Question*>(X509_STORE_CTX_get_app_data(context));
}

// As X509_STORE_CTX_get1_crls finds them: a server keeps what a connection has opened until the connection ends.
STACK_OF(X509_CRL) * LookUpLists(const X509_STORE_CTX* context, const X509_NAME* issuer) {
  Question& question = QuestionOf(context);
  for (const DecodedListFile* const file : HashedFilesOf(issuer, question.files)) question.opened.insert(file);
  CrlStackPtr lists(sk_X509_CRL_new_null());
  for (const DecodedListFile& file : question.files) {
    if (file.hashed && !question.opened.contains(&file)) continue;
    for (const List& list : file.lists) {
      if (!list.IsOf(issuer)) continue;
      X509_CRL_up_ref(list.crl.get());
      sk_X509_CRL_push(lists.get(), list.crl.get());
      question.offered.push_back({&list, &file});
    }
  }
  return sk_X509_CRL_num(lists.get()) == 0 ? nullptr : lists.release();
}

std::string_view ReasonOf(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "not_yet_valid";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
      return "unknown_ca";
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
      return "invalid_ca";
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_CERT_REJECTED:
      return "wrong_purpose";
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
      return "bad_signature";
    case X509_V_ERR_CERT_REVOKED:
      return "revoked";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
      return "crl_missing";
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return "crl_expired";
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return "crl_not_yet_valid";
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
      return "crl_bad_signature";
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
      return "crl_unusable";
    default:
      return "other";
  }
}

// A specimen has no signature. Where there are no key identifiers OpenSSL finds the issuer by its name alone: with
// another authority of that name, and another key, a real certificate is refused.
bool IsMissingSignature(X509_STORE_CTX* context, const Question& question) {
  if (question.authority_key == nullptr || X509_STORE_CTX_get_error_depth(context) != 0) return false;
  STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(context);
  const X509* const issuer = sk_X509_num(chain) > 1 ? sk_X509_value(chain, 1) : nullptr;
  return issuer == nullptr || EVP_PKEY_eq(X509_get0_pubkey(issuer), question.authority_key) == 1;
}

// Records the error and continues.
int Record(int ok, X509_STORE_CTX* context) {
  if (ok == 1) return 1;
  Question& question = QuestionOf(context);
  const int error = X509_STORE_CTX_get_error(context);
  const std::string_view reason = ReasonOf(error);
  if (reason == "bad_signature" && IsMissingSignature(context, question)) return 1;
  Refusal refusal{.reason = reason, .name = ""};
  const X509* const certificate = X509_STORE_CTX_get_current_cert(context);
  // A fault of the specimen is a fault of its authority.
  const bool specimen = question.authority_key != nullptr && X509_STORE_CTX_get_error_depth(context) == 0;
  if (certificate != nullptr) {
    refusal.name = NameText(refusal.IsOfList() || specimen ? X509_get_issuer_name(certificate)
                                                           : X509_get_subject_name(certificate));
  }
  if (std::ranges::find(question.refusals, refusal) == question.refusals.end()) {
    question.refusals.push_back(std::move(refusal));
  }
  return 1;
}

// ---- An authority

constexpr unsigned long kNoLists = 0;
constexpr unsigned long kOwnList = X509_V_FLAG_CRL_CHECK;
constexpr unsigned long kAllLists = X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;

struct Candidate {
  X509* certificate;
  EVP_PKEY* authority_key;  // see Question
};

class Judge {
 public:
  explicit Judge(const ClientVerification& verification)
      : files_(DecodeLists(verification.lists)), store_(X509_STORE_new()) {
    for (const auto* const ders : {&verification.authorities, &verification.others}) {
      for (const std::string& der : *ders) {
        if (const X509Ptr certificate = Decode(der)) X509_STORE_add_cert(store_.get(), certificate.get());
      }
    }
    X509_STORE_set_lookup_crls(store_.get(), LookUpLists);
  }

  const std::vector<DecodedListFile>& files() const { return files_; }

  Question Ask(const Candidate& candidate, sys_seconds time, unsigned long flags) const {
    Question question{files_, candidate.authority_key, {}, {}, {}, {}, {}};
    const X509StoreCtxPtr context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store_.get(), candidate.certificate, nullptr);
    X509_STORE_CTX_set_default(context.get(), "ssl_client");
    X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_flags(parameters, flags);
    X509_VERIFY_PARAM_set_time(parameters, time.time_since_epoch().count());
    X509_STORE_CTX_set_app_data(context.get(), &question);
    X509_STORE_CTX_set_verify_cb(context.get(), Record);
    X509_verify_cert(context.get());
    STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(context.get());
    for (int i = candidate.authority_key == nullptr ? 0 : 1; i < sk_X509_num(chain); ++i) {
      const X509* const certificate = sk_X509_value(chain, i);
      const auto end = TimeOf(X509_get0_notAfter(certificate));
      if (!end || (question.first_end && *end >= *question.first_end)) continue;
      question.first_end = end;
      question.first_begin = TimeOf(X509_get0_notBefore(certificate));
    }
    return question;
  }

  // When a path through the certificates that are there ends, and the beginning of the certificate that ends it.
  struct PathEnd {
    std::optional<sys_seconds> not_after;
    std::optional<sys_seconds> not_before;
  };
  PathEnd EndOfPath(const Candidate& candidate, sys_seconds now) const {
    PathEnd end;
    // Another path may be valid longer than the one that OpenSSL uses now.
    constexpr int kMostPaths = 16;
    for (int i = 0; i < kMostPaths; ++i) {
      const auto time = end.not_after ? std::max(now, *end.not_after + std::chrono::seconds(1)) : now;
      const Question question = Ask(candidate, time, kNoLists);
      const PathEnd found = {.not_after = question.first_end, .not_before = question.first_begin};
      const bool expired = std::ranges::any_of(question.refusals, [](const auto& r) { return r.reason == "expired"; });
      if (!question.refusals.empty() && !end.not_after) return expired ? found : PathEnd();
      if (!question.refusals.empty() || !found.not_after) return end;
      end = found;
    }
    return end;
  }

  // The list that decides about the authority's own certificates; nullopt if it has none that can be used.
  std::optional<ListInForce> OwnList(const Candidate& candidate, sys_seconds now) const {
    const auto is_refused = [&](sys_seconds time, std::string_view because) {
      const auto refusals = Ask(candidate, time, kOwnList).refusals;
      return std::ranges::any_of(refusals, [&](const Refusal& r) { return r.reason.starts_with(because); });
    };
    const Question question = Ask(candidate, now, kOwnList);
    if (question.offered.empty()) return std::nullopt;
    std::map<sys_seconds, const Offer*> ends;
    for (const Offer& offer : question.offered) {
      if (offer.list->facts.next_update) ends.emplace(*offer.list->facts.next_update, &offer);
    }
    const std::string issuer = NameText(X509_get_issuer_name(candidate.certificate));
    const auto found = [&](const auto& end) { return ListInForce{end.second->file->path, issuer, end.first}; };
    if (!is_refused(now, "crl_")) {
      for (auto end = ends.upper_bound(now); end != ends.end(); ++end) {
        if (is_refused(end->first, "crl_")) return found(*end);
      }
      return ListInForce{question.offered.front().file->path, issuer, std::nullopt};
    }
    // The last moment at which it was not. Other faults than one of time were there before.
    const auto over = ends.upper_bound(now);
    for (auto end = over; end != ends.begin();) {
      --end;
      if (!is_refused(end->first - std::chrono::seconds(1), "crl_")) return found(*end);
    }
    return is_refused(now, "crl_expired") && over != ends.begin() ? std::optional(found(*std::prev(over)))
                                                                  : std::nullopt;
  }

 private:
  std::vector<DecodedListFile> files_;
  X509StorePtr store_;
};

// Authorities of one subject and key are one: a renewed certificate may be next to the old one.
std::string IdentityOf(const X509* certificate) {
  unsigned char* der = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  std::string identity(reinterpret_cast<char*>(der), length > 0 ? static_cast<std::size_t>(length) : 0);
  OPENSSL_free(der);
  return identity + HashedListName(X509_get_subject_name(certificate), 0);
}

// One for each path and issuer: of two authorities with one name the one that ends first.
void AddList(ListInForce list, std::vector<ListInForce>& lists) {
  const auto same =
      std::ranges::find_if(lists, [&](const ListInForce& l) { return l.path == list.path && l.issuer == list.issuer; });
  if (same == lists.end()) {
    lists.push_back(std::move(list));
  } else if (list.next_update && (!same->next_update || *list.next_update < *same->next_update)) {
    same->next_update = list.next_update;
  }
}

// Lists whose issuer is in no file: only which of them are in force can be decided.
void AddUnknownIssuers(const std::vector<DecodedListFile>& files, const std::set<std::string>& known, sys_seconds now,
                       std::vector<ListInForce>& lists) {
  std::map<std::string, std::vector<PlacedList>> by_issuer;
  for (const DecodedListFile& file : files) {
    for (const List& list : file.lists) {
      const X509_NAME* const issuer = X509_CRL_get_issuer(list.crl.get());
      const std::string name = HashedListName(issuer, 0);
      if (known.contains(name)) continue;
      const auto opened = HashedFilesOf(issuer, files);
      if (file.hashed && std::ranges::find(opened, &file) == opened.end()) continue;
      by_issuer[name].push_back({&list.facts, &file.path});
    }
  }
  for (const auto& [name, placed] : by_issuer) AddList(LatestOf(placed, now, ListScope::kUnknownIssuer), lists);
}

// Its end, and its beginning, as far as the certificates decide.
struct Span {
  const ClientAuthority* authority;
  std::optional<sys_seconds> not_before;
  std::optional<sys_seconds> not_after;
};

bool HasPath(const ClientAuthority& authority, sys_seconds now) { return authority.not_after > now; }

bool IsNeeded(const Span& certificate, const ClientTrust& trust, sys_seconds now) {
  std::optional<sys_seconds> last;  // until when others do without it
  bool others = false;
  for (const ClientAuthority& authority : trust.authorities) {
    if (!HasPath(authority, now)) continue;
    others = true;
    if (&authority == certificate.authority || trust.IsCollection()) last = std::max(last, authority.not_after);
  }
  if (certificate.not_before > now && others) return false;  // put there for later
  return !last || !certificate.not_after || *certificate.not_after >= *last;
}

}  // namespace

bool ClientTrust::NoneAccepted() const {
  return !authorities.empty() &&
         std::ranges::none_of(authorities, [](const ClientAuthority& a) { return a.refusals.empty(); });
}

bool SecurityLevelDecides(const Chain& authorities) {
  constexpr int kBitsOfLevel2 = 112;
  return std::ranges::any_of(authorities, [](const SharedX509& authority) {
    X509* const certificate = authority.get();
    int signature_bits = 0;
    X509_get_signature_info(certificate, nullptr, nullptr, &signature_bits, nullptr);
    const bool root = X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
    const EVP_PKEY* const key = X509_get0_pubkey(certificate);
    return key == nullptr || EVP_PKEY_get_security_bits(key) < kBitsOfLevel2 ||
           (!root && signature_bits < kBitsOfLevel2);
  });
}

ClientTrust JudgeClientAuthorities(const ClientVerification& verification, sys_seconds now) {
  ClientTrust trust{.checks_revocation = verification.checks_revocation,
                    .authorities = {},
                    .needed = {},
                    .lists = {},
                    .not_found = {}};
  const Judge judge(verification);
  std::map<std::string, std::size_t> identities;  // to the position in trust.authorities
  std::set<std::string> issuers;
  for (const std::string& der : verification.authorities) {
    const X509Ptr authority = Decode(der);
    if (authority == nullptr || !identities.emplace(IdentityOf(authority.get()), identities.size()).second) continue;
    const bool issues = X509_check_ca(authority.get()) != 0;
    const X509Ptr specimen = issues ? SpecimenOf(authority.get(), judge.files()) : nullptr;
    const Candidate candidate{specimen ? specimen.get() : authority.get(),
                              specimen ? X509_get0_pubkey(authority.get()) : nullptr};
    const CertificateFacts facts = FactsOf(authority.get());
    const auto end = judge.EndOfPath(candidate, now);
    trust.authorities.push_back(
        {facts.subject, facts.serial,
         judge.Ask(candidate, now, verification.checks_revocation ? kAllLists : kNoLists).refusals, end.not_after,
         end.not_before});
    if (!specimen) continue;
    issuers.insert(HashedListName(X509_get_subject_name(authority.get()), 0));
    if (!verification.checks_revocation) continue;
    if (auto list = judge.OwnList(candidate, now)) AddList(*std::move(list), trust.lists);
  }
  for (const std::string& der : verification.authorities) {
    const X509Ptr certificate = Decode(der);
    if (certificate == nullptr) {
      trust.needed.push_back(true);
      continue;
    }
    const Span span{&trust.authorities[identities.at(IdentityOf(certificate.get()))],
                    TimeOf(X509_get0_notBefore(certificate.get())), TimeOf(X509_get0_notAfter(certificate.get()))};
    trust.needed.push_back(IsNeeded(span, trust, now));
  }
  if (verification.checks_revocation) {
    AddUnknownIssuers(judge.files(), issuers, now, trust.lists);
    trust.not_found = ListsNotFound(judge.files());
  }
  ERR_clear_error();
  return trust;
}

}  // namespace pgtls::tls
