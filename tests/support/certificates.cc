#include "tests/support/certificates.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace pgtls::support {
namespace {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Free<X509_free>>;
using CrlPointer = std::unique_ptr<X509_CRL, Free<X509_CRL_free>>;
using Time = std::unique_ptr<ASN1_TIME, Free<ASN1_TIME_free>>;

[[noreturn]] void Fail(const std::string& what) {
  throw std::runtime_error("test certificate: " + what + ": " + ERR_error_string(ERR_get_error(), nullptr));
}

template <typename T>
T Checked(T object, const char* what) {
  if (!object) Fail(what);
  return object;
}

std::string Text(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string Pem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), certificate) != 1) Fail("write");
  return Text(bio.get());
}

std::string Pem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) Fail("write key");
  return Text(bio.get());
}

Cert ReadCertificate(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Checked(Cert(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)), "read");
}

Key ReadKey(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Checked(Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr)), "read key");
}

Key NewKey(KeyType type) {
  switch (type) {
    case KeyType::kEc256:
      return Checked(Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")), "EC key");
    case KeyType::kEd25519:
      return Checked(Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), "Ed25519 key");
    case KeyType::kEd448:
      return Checked(Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448")), "Ed448 key");
    case KeyType::kRsaPss: {
      const std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>> context(
          EVP_PKEY_CTX_new_from_name(nullptr, "RSA-PSS", nullptr));
      EVP_PKEY* key = nullptr;
      if (EVP_PKEY_keygen_init(context.get()) != 1 || EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), 2048) != 1 ||
          EVP_PKEY_generate(context.get(), &key) != 1) {
        Fail("RSA-PSS key");
      }
      return Key(key);
    }
    case KeyType::kRsa1024:
      return Checked(Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024})), "RSA key");
    case KeyType::kRsa2048:
      return Checked(Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})), "RSA key");
  }
  std::unreachable();
}

void SetTime(ASN1_TIME* field, std::chrono::seconds from_now) {
  Checked(ASN1_TIME_adj(field, time(nullptr), 0, static_cast<long>(from_now.count())), "time");
}

void AddName(X509_NAME* name, const char* field, const std::string& value) {
  if (value.empty()) return;
  if (X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                 static_cast<int>(value.size()), -1, 0) != 1) {
    Fail("name");
  }
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = Checked(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), "extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

const EVP_MD* Digest(EVP_PKEY* key, const std::string& name) {
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 || EVP_PKEY_get_base_id(key) == EVP_PKEY_ED448) return nullptr;
  return Checked(EVP_get_digestbyname(name.c_str()), "digest");
}

std::string AlternativeNames(const CertificateSpec& spec) {
  std::string names;
  for (const auto& name : spec.dns_names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
  for (const auto& address : spec.ip_addresses) names += (names.empty() ? "IP:" : ",IP:") + address;
  return names;
}

// `issuer` null: self-signed. `given` empty: with a new key.
Certificate Make(const CertificateSpec& spec, X509* issuer, EVP_PKEY* issuer_key, const std::string& given = "") {
  const Key key = given.empty() ? NewKey(spec.key) : ReadKey(given);
  const Cert certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  BIGNUM* serial = BN_new();
  BN_rand(serial, 126, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY);
  BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate.get()));
  if (spec.serial != 0) ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), spec.serial);
  BN_free(serial);
  SetTime(X509_getm_notBefore(certificate.get()), spec.not_before);
  SetTime(X509_getm_notAfter(certificate.get()), spec.not_after);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  AddName(subject, "O", spec.organization);
  AddName(subject, "CN", spec.common_name);
  X509* signer = issuer == nullptr ? certificate.get() : issuer;
  EVP_PKEY* signing_key = issuer == nullptr ? key.get() : issuer_key;
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  X509_set_pubkey(certificate.get(), key.get());
  AddExtension(certificate.get(), signer, NID_basic_constraints, spec.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (spec.ca) AddExtension(certificate.get(), signer, NID_key_usage, "critical,keyCertSign,cRLSign");
  if (spec.key_identifiers) {
    AddExtension(certificate.get(), signer, NID_subject_key_identifier, "hash");
    AddExtension(certificate.get(), signer, NID_authority_key_identifier, "keyid");
  }
  if (!spec.extended_key_usage.empty()) {
    AddExtension(certificate.get(), signer, NID_ext_key_usage, spec.extended_key_usage);
  }
  if (!spec.crl_distribution_points.empty()) {
    AddExtension(certificate.get(), signer, NID_crl_distribution_points, spec.crl_distribution_points);
  }
  if (const std::string names = AlternativeNames(spec); !names.empty()) {
    AddExtension(certificate.get(), signer, NID_subject_alt_name, names);
  }
  if (X509_sign(certificate.get(), signing_key, Digest(signing_key, spec.digest)) <= 0) Fail("sign");
  std::string pem = Pem(certificate.get());
  return {pem, Pem(key.get()), pem};
}

CertificateSpec CaSpec(const std::string& common_name, CertificateSpec spec) {
  spec.common_name = common_name;
  spec.ca = true;
  if (spec.not_after == CertificateSpec{}.not_after) spec.not_after = std::chrono::days(3650);
  return spec;
}

std::string CommonNameOf(const std::string& pem) {
  const Cert certificate = ReadCertificate(pem);
  char name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof(name));
  return name;
}

}  // namespace

Certificate SelfSigned(const CertificateSpec& spec) { return Make(spec, nullptr, nullptr); }

TestCa::TestCa(const std::string& common_name, CertificateSpec spec)
    : own_(SelfSigned(CaSpec(common_name, std::move(spec)))) {}

TestCa TestCa::Intermediate(const std::string& common_name, CertificateSpec spec) const {
  Certificate own = Issue(CaSpec(common_name, std::move(spec)));
  std::string chain = own.chain;
  return TestCa(std::move(own), std::move(chain));
}

Certificate TestCa::Issue(const CertificateSpec& spec) const {
  Certificate issued = Make(spec, ReadCertificate(own_.certificate).get(), ReadKey(own_.key).get());
  issued.chain += chain_;
  return issued;
}

Certificate TestCa::IssueForLocalhost() const {
  return Issue({.common_name = "localhost", .dns_names = {"localhost"}, .ip_addresses = {"127.0.0.1", "::1"}});
}

TestCa TestCa::Renewed(CertificateSpec spec) const {
  return TestCa(Make(CaSpec(CommonNameOf(own_.certificate), std::move(spec)), nullptr, nullptr, own_.key), "");
}

TestCa TestCa::CrossSigned(const TestCa& by) const {
  Certificate own = Make(CaSpec(CommonNameOf(own_.certificate), {}), ReadCertificate(by.own_.certificate).get(),
                         ReadKey(by.own_.key).get(), own_.key);
  std::string chain = own.chain + by.chain_;
  return TestCa(std::move(own), std::move(chain));
}

std::string TestCa::Crl(const std::vector<Certificate>& revoked, std::chrono::seconds next_update) const {
  return Crl({.revoked = revoked,
              .this_update = std::min<std::chrono::seconds>(next_update, {}) - std::chrono::hours(1),
              .next_update = next_update,
              .extensions = {}});
}

std::string TestCa::Crl(const CrlSpec& spec) const {
  const Cert issuer = ReadCertificate(own_.certificate);
  const Key key = ReadKey(own_.key);
  const CrlPointer crl(X509_CRL_new());
  X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.get()));
  const Time now(ASN1_TIME_new());
  SetTime(now.get(), spec.this_update);
  X509_CRL_set1_lastUpdate(crl.get(), now.get());
  if (spec.next_update) {
    const Time next(ASN1_TIME_new());
    SetTime(next.get(), *spec.next_update);
    X509_CRL_set1_nextUpdate(crl.get(), next.get());
  }
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer.get(), nullptr, nullptr, crl.get(), 0);
  std::vector<std::string> extensions = spec.extensions;
  if (spec.key_identifier) extensions.emplace_back("authorityKeyIdentifier=keyid:always");
  for (const std::string& text : extensions) {
    const std::size_t equals = text.find('=');
    X509_EXTENSION* extension =
        Checked(X509V3_EXT_conf(nullptr, &context, text.substr(0, equals).c_str(), text.substr(equals + 1).c_str()),
                "CRL extension");
    X509_CRL_add_ext(crl.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  for (const auto& certificate : spec.revoked) {
    const Cert read = ReadCertificate(certificate.certificate);
    X509_REVOKED* entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(read.get()));
    X509_REVOKED_set_revocationDate(entry, now.get());
    X509_CRL_add0_revoked(crl.get(), entry);
  }
  X509_CRL_sort(crl.get());
  if (X509_CRL_sign(crl.get(), key.get(), Digest(key.get(), "SHA256")) <= 0) Fail("sign CRL");
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_CRL(bio.get(), crl.get());
  return Text(bio.get());
}

}  // namespace pgtls::support
