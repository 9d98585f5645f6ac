#include "exporter/tls/pkcs12.h"

#include <openssl/asn1t.h>
#include <openssl/evperr.h>
#include <openssl/pkcs7.h>
#include <openssl/proverr.h>

#include <algorithm>
#include <cstdint>

namespace pgtls::tls {
namespace {

void FreeSafes(STACK_OF(PKCS7) * safes) { sk_PKCS7_pop_free(safes, PKCS7_free); }
void FreeBags(STACK_OF(PKCS12_SAFEBAG) * bags) { sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free); }
using SafesPtr = std::unique_ptr<STACK_OF(PKCS7), OpensslDeleter<FreeSafes>>;
using BagsPtr = std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), OpensslDeleter<FreeBags>>;
using Pbe2Ptr = std::unique_ptr<PBE2PARAM, OpensslDeleter<PBE2PARAM_free>>;
using PbePtr = std::unique_ptr<PBEPARAM, OpensslDeleter<PBEPARAM_free>>;
using Pbkdf2Ptr = std::unique_ptr<PBKDF2PARAM, OpensslDeleter<PBKDF2PARAM_free>>;

std::optional<long> Number(const ASN1_INTEGER* number) {
  std::int64_t value = 0;
  if (number == nullptr || ASN1_INTEGER_get_int64(&value, number) != 1 || value < 0) return std::nullopt;
  return value;
}

// How often this encryption of a safe repeats its hash; nullopt: not known.
std::optional<long> Iterations(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* name = nullptr;
  int type = 0;
  const void* parameter = nullptr;
  X509_ALGOR_get0(&name, &type, &parameter, algorithm);
  if (type != V_ASN1_SEQUENCE) return std::nullopt;
  const auto* const sequence = static_cast<const ASN1_STRING*>(parameter);
  if (OBJ_obj2nid(name) != NID_pbes2) {
    const PbePtr pbe(static_cast<PBEPARAM*>(ASN1_item_unpack(sequence, ASN1_ITEM_rptr(PBEPARAM))));
    return pbe == nullptr ? std::nullopt : Number(pbe->iter);
  }
  const Pbe2Ptr pbe2(static_cast<PBE2PARAM*>(ASN1_item_unpack(sequence, ASN1_ITEM_rptr(PBE2PARAM))));
  if (pbe2 == nullptr) return std::nullopt;
  X509_ALGOR_get0(&name, &type, &parameter, pbe2->keyfunc);
  if (OBJ_obj2nid(name) != NID_id_pbkdf2 || type != V_ASN1_SEQUENCE) return std::nullopt;
  const Pbkdf2Ptr kdf(static_cast<PBKDF2PARAM*>(
      ASN1_item_unpack(static_cast<const ASN1_STRING*>(parameter), ASN1_ITEM_rptr(PBKDF2PARAM))));
  return kdf == nullptr ? std::nullopt : Number(kdf->iter);
}

constexpr std::string_view kWrongPassword = "wrong_password";
constexpr std::string_view kUnsupported = "unsupported_encryption";

// RC2, RC4, DES and the like are in OpenSSL's legacy provider, which is not loaded.
bool IsUnsupported(unsigned long error) {
  const int reason = ERR_GET_REASON(error);
  return reason == ERR_R_UNSUPPORTED || (ERR_GET_LIB(error) == ERR_LIB_EVP && (reason == EVP_R_UNKNOWN_PBE_ALGORITHM ||
                                                                               reason == EVP_R_UNSUPPORTED_ALGORITHM));
}

class Reader {
 public:
  explicit Reader(long max_iterations) : iterations_left_(max_iterations) {}

  // The password that the file's integrity check takes.
  bool Open(PKCS12* bundle, const std::optional<std::string>& password) {
    if (PKCS12_mac_present(bundle) == 0) {
      password_ = password ? password->c_str() : nullptr;
      return true;
    }
    const ASN1_INTEGER* iterations = nullptr;
    PKCS12_get0_mac(nullptr, nullptr, nullptr, &iterations, bundle);
    const long count = iterations == nullptr ? 1 : Number(iterations).value_or(iterations_left_);
    // One password is configured for all files, and some files need none.
    std::vector<const char*> candidates = {nullptr, ""};
    if (password) candidates.insert(candidates.begin(), password->c_str());
    for (const char* candidate : candidates) {
      if (!Spend(count)) return false;
      password_ = candidate;
      ERR_clear_error();
      if (PKCS12_verify_mac(bundle, candidate, -1) == 1) return true;
      if (IsUnsupported(ERR_peek_error())) problem_ = kUnsupported;
    }
    if (problem_.empty()) problem_ = kWrongPassword;
    return false;
  }

  void ReadSafe(PKCS7* safe) {
    BagsPtr bags;
    if (PKCS7_type_is_data(safe)) {
      bags.reset(PKCS12_unpack_p7data(safe));
    } else if (PKCS7_type_is_encrypted(safe) && safe->d.encrypted != nullptr) {
      const auto count = Iterations(safe->d.encrypted->enc_data->algorithm);
      ERR_clear_error();
      if (count && Spend(*count)) bags.reset(PKCS12_unpack_p7encdata(safe, password_, -1));
      if (bags == nullptr && count) NoteError(ERR_peek_error());
    }
    if (bags == nullptr) {
      broken_ = true;
      return;
    }
    for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags.get()); ++i) {
      const PKCS12_SAFEBAG* const bag = sk_PKCS12_SAFEBAG_value(bags.get(), i);
      if (PKCS12_SAFEBAG_get_nid(bag) != NID_certBag) continue;
      X509Ptr certificate(PKCS12_SAFEBAG_get1_cert(bag));
      if (certificate == nullptr) {
        broken_ = true;
      } else if (PKCS12_SAFEBAG_get0_attr(bag, NID_localKeyID) != nullptr) {
        with_key_.push_back(std::move(certificate));
      } else {
        others_.push_back(std::move(certificate));
      }
    }
  }

  bool broken() const { return broken_; }
  std::string_view problem() const { return problem_; }
  std::vector<X509Ptr> TakeCertificates() {
    std::ranges::move(others_, std::back_inserter(with_key_));
    return std::move(with_key_);
  }

 private:
  // Records why a safe could not be decrypted. Its integrity was checked if it has a check.
  void NoteError(unsigned long error) {
    if (IsUnsupported(error)) {
      problem_ = kUnsupported;
    } else if (ERR_GET_LIB(error) == ERR_LIB_PROV && ERR_GET_REASON(error) == PROV_R_BAD_DECRYPT) {
      problem_ = kWrongPassword;
    }
  }

  bool Spend(long iterations) {
    if (iterations > iterations_left_) {
      problem_ = kUnsupported;
      return false;
    }
    iterations_left_ -= iterations;
    return true;
  }

  long iterations_left_;
  std::string_view problem_;
  const char* password_ = nullptr;
  bool broken_ = false;
  std::vector<X509Ptr> with_key_;
  std::vector<X509Ptr> others_;
};

}  // namespace

Pkcs12Certificates ReadPkcs12(std::string_view bytes, const std::optional<std::string>& password, long max_iterations) {
  Pkcs12Certificates result;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const Pkcs12Ptr bundle(d2i_PKCS12(nullptr, &data, static_cast<long>(bytes.size())));
  result.is_pkcs12 = bundle != nullptr;
  if (!result.is_pkcs12) return result;
  Reader reader(max_iterations);
  result.opened = reader.Open(bundle.get(), password);
  result.problem = reader.problem();
  if (!result.opened) return result;
  const SafesPtr safes(PKCS12_unpack_authsafes(bundle.get()));
  for (int i = 0; i < sk_PKCS7_num(safes.get()); ++i) reader.ReadSafe(sk_PKCS7_value(safes.get(), i));
  result.opened = safes != nullptr && !reader.broken();
  result.problem = reader.problem();
  result.certificates = reader.TakeCertificates();
  return result;
}

}  // namespace pgtls::tls
