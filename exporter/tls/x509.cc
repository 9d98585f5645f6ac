#include "exporter/tls/x509.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "exporter/base/net_address.h"
#include "exporter/base/text.h"

namespace pgtls::tls {
namespace {

constexpr std::size_t kMaxSanBytes = 1024;
// The certificate's author chooses how many there are.
constexpr int kMostUsages = 16;

std::string Hex(std::string_view bytes) {
  std::string result;
  for (const char c : bytes) result += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return result;
}

std::string SerialText(const ASN1_INTEGER* serial) {
  const std::unique_ptr<BIGNUM, OpensslDeleter<BN_free>> number(ASN1_INTEGER_to_BN(serial, nullptr));
  if (number == nullptr) return "";
  char* const text = BN_bn2hex(number.get());
  std::string result = text == nullptr ? "" : text;
  OPENSSL_free(text);
  return result;
}

std::string ObjectText(const ASN1_OBJECT* object) {
  std::array<char, 128> text{};
  const int length = OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, 0);
  return length > 0 ? std::string(text.data()) : "";
}

std::string AddressText(const ASN1_OCTET_STRING* address) {
  const auto ip = IpAddress::FromBytes(View(address));
  return ip ? ip->ToString() : "#" + Hex(View(address));
}

// A name as one entry: its own control characters and commas must not look like a second entry.
std::string Escaped(const ASN1_STRING* text) {
  std::string result;
  for (const char c : View(text)) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte == 0x7F || c == ',' || c == '\\' ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  return result;
}

std::string SanText(const X509* certificate) {
  const GeneralNamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::string result;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (!result.empty()) result += ',';
    switch (name->type) {
      case GEN_DNS:
        result += "DNS:" + Escaped(name->d.dNSName);
        break;
      case GEN_IPADD:
        result += "IP:" + AddressText(name->d.iPAddress);
        break;
      case GEN_EMAIL:
        result += "email:" + Escaped(name->d.rfc822Name);
        break;
      case GEN_URI:
        result += "URI:" + Escaped(name->d.uniformResourceIdentifier);
        break;
      case GEN_DIRNAME:
        result += "DirName:" + NameText(name->d.directoryName);
        break;
      default:
        result += "other";
    }
  }
  return Bounded(ValidUtf8(result), kMaxSanBytes);
}

std::string UsageText(const ASN1_OBJECT* usage) {
  if (const int nid = OBJ_obj2nid(usage); nid != NID_undef) return OBJ_nid2sn(nid);
  std::array<char, 128> oid{};
  OBJ_obj2txt(oid.data(), static_cast<int>(oid.size()), usage, 1);
  return oid.data();
}

std::optional<std::vector<std::string>> UsagesOf(const X509* certificate) {
  constexpr int kNoExtension = -1;  // more than one of it: -2
  int found = 0;
  const std::unique_ptr<EXTENDED_KEY_USAGE, OpensslDeleter<EXTENDED_KEY_USAGE_free>> usages(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(certificate, NID_ext_key_usage, &found, nullptr)));
  if (found == kNoExtension) return std::nullopt;
  std::vector<std::string> texts;
  const int count = usages == nullptr ? 0 : std::min(sk_ASN1_OBJECT_num(usages.get()), kMostUsages);
  for (int i = 0; i < count; ++i) texts.push_back(UsageText(sk_ASN1_OBJECT_value(usages.get(), i)));
  return texts;
}

// What an i2d function has allocated.
std::string TakeDer(int length, unsigned char* der) {
  std::string result;
  if (length > 0) result.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  return result;
}

}  // namespace

SharedX509 Shared(X509* certificate) {
  X509_up_ref(certificate);
  return {certificate, X509_free};
}

X509StackPtr StackOf(const Chain& chain) {
  X509StackPtr stack(sk_X509_new_null());
  for (const SharedX509& certificate : chain) {
    X509_up_ref(certificate.get());
    sk_X509_push(stack.get(), certificate.get());
  }
  return stack;
}

std::string DerOf(const X509* certificate) {
  unsigned char* der = nullptr;
  const int length = i2d_X509(certificate, &der);
  return TakeDer(length, der);
}

std::string DerOf(const X509_CRL* list) {
  unsigned char* der = nullptr;
  const int length = i2d_X509_CRL(list, &der);
  return TakeDer(length, der);
}

std::optional<std::chrono::sys_seconds> TimeOf(const ASN1_TIME* time) {
  std::tm fields{};
  // ASN1_TIME_to_tm reads "now" from a null pointer.
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) return std::nullopt;
  using namespace std::chrono;
  const auto date = year(fields.tm_year + 1900) / month(static_cast<unsigned>(fields.tm_mon + 1)) /
                    day(static_cast<unsigned>(fields.tm_mday));
  return sys_days(date) + hours(fields.tm_hour) + minutes(fields.tm_min) + seconds(fields.tm_sec);
}

std::string NameText(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  // RFC 2253's form, which RFC 4514 keeps, without its escaping of bytes above 127: names stay readable UTF-8.
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  return DrainBio(bio.get());
}

CertificateFacts FactsOf(X509* certificate) {
  CertificateFacts facts;
  facts.not_before = TimeOf(X509_get0_notBefore(certificate));
  facts.not_after = TimeOf(X509_get0_notAfter(certificate));
  facts.subject = NameText(X509_get_subject_name(certificate));
  facts.issuer = NameText(X509_get_issuer_name(certificate));
  facts.serial = SerialText(X509_get0_serialNumber(certificate));

  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  X509_digest(certificate, EVP_sha256(), digest.data(), nullptr);
  facts.fingerprint_sha256 = Hex({reinterpret_cast<const char*>(digest.data()), digest.size()});

  if (EVP_PKEY* const key = X509_get0_pubkey(certificate)) {
    const char* const name = EVP_PKEY_get0_type_name(key);
    facts.key_algorithm = name == nullptr ? "" : name;
    facts.key_size = std::to_string(EVP_PKEY_get_bits(key));
    facts.self_signed = X509_verify(certificate, key) == 1;
  } else {
    ASN1_OBJECT* algorithm = nullptr;
    X509_PUBKEY_get0_param(&algorithm, nullptr, nullptr, nullptr, X509_get_X509_PUBKEY(certificate));
    facts.key_algorithm = ObjectText(algorithm);
  }
  const X509_ALGOR* signature = nullptr;
  X509_get0_signature(nullptr, &signature, certificate);
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, signature);
  facts.signature_algorithm = ObjectText(object);
  facts.extended_key_usage = UsagesOf(certificate);
  facts.san = SanText(certificate);
  ERR_clear_error();
  return facts;
}

CrlFacts FactsOf(X509_CRL* crl) {
  CrlFacts facts;
  facts.issuer = NameText(X509_CRL_get_issuer(crl));
  facts.this_update = TimeOf(X509_CRL_get0_lastUpdate(crl));
  facts.next_update = TimeOf(X509_CRL_get0_nextUpdate(crl));
  return facts;
}

}  // namespace pgtls::tls
