#include "exporter/tls/specimen.h"

#include <cstdint>

namespace pgtls::tls {
namespace {

using IdpPtr = std::unique_ptr<ISSUING_DIST_POINT, OpensslDeleter<ISSUING_DIST_POINT_free>>;
using PointsPtr = std::unique_ptr<CRL_DIST_POINTS, OpensslDeleter<CRL_DIST_POINTS_free>>;
using KeyIdPtr = std::unique_ptr<AUTHORITY_KEYID, OpensslDeleter<AUTHORITY_KEYID_free>>;

// The algorithm of a signature with this key: OpenSSL compares the two when it looks for an issuer.
int SignatureNid(const EVP_PKEY* key) {
  const int type = EVP_PKEY_get_base_id(key);
  if (type == EVP_PKEY_RSA_PSS) return NID_rsassaPss;
  int nid = type;
  OBJ_find_sigid_by_algs(&nid, NID_sha256, type);
  return nid;
}

void SetSignature(X509* certificate, int nid) {
  // OpenSSL has setters for requests and lists, none for certificates.
  const X509_ALGOR* outer = nullptr;
  const ASN1_BIT_STRING* bits = nullptr;
  X509_get0_signature(&bits, &outer, certificate);
  for (const X509_ALGOR* algorithm : {outer, X509_get0_tbs_sigalg(certificate)}) {
    X509_ALGOR_set0(const_cast<X509_ALGOR*>(algorithm),  // NOLINT(cppcoreguidelines-pro-type-const-cast)
                    OBJ_nid2obj(nid), V_ASN1_UNDEF, nullptr);
  }
  unsigned char none = 0;
  ASN1_BIT_STRING_set(const_cast<ASN1_BIT_STRING*>(bits), &none, 1);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

void AddDistributionPoints(X509* certificate, const std::vector<DecodedListFile>& files) {
  const PointsPtr points(CRL_DIST_POINTS_new());
  for (const DecodedListFile& file : files) {
    for (const List& list : file.lists) {
      if (!list.IsOf(X509_get_issuer_name(certificate))) continue;
      const IdpPtr scope(static_cast<ISSUING_DIST_POINT*>(
          X509_CRL_get_ext_d2i(list.crl.get(), NID_issuing_distribution_point, nullptr, nullptr)));
      if (scope == nullptr || scope->distpoint == nullptr) continue;
      DIST_POINT* const point = DIST_POINT_new();
      point->distpoint = scope->distpoint;
      scope->distpoint = nullptr;
      sk_DIST_POINT_push(points.get(), point);
    }
  }
  if (sk_DIST_POINT_num(points.get()) > 0) {
    X509_add1_ext_i2d(certificate, NID_crl_distribution_points, points.get(), 0, X509V3_ADD_DEFAULT);
  }
}

}  // namespace

X509Ptr SpecimenOf(X509* authority, const std::vector<DecodedListFile>& lists) {
  EVP_PKEY* const key = X509_get0_pubkey(authority);
  if (key == nullptr) return nullptr;
  X509Ptr client(X509_new());
  X509_set_version(client.get(), X509_VERSION_3);
  constexpr std::uint64_t kSerial = 0x6B8F'19D2'A047'E35C;  // authorities make theirs at random
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(client.get()), kSerial);
  X509_set_issuer_name(client.get(), X509_get_subject_name(authority));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(client.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("client"), -1, -1, 0);
  ASN1_TIME_set_string_X509(X509_getm_notBefore(client.get()), "19700101000000Z");
  ASN1_TIME_set_string_X509(X509_getm_notAfter(client.get()), "99991231235959Z");
  X509_set_pubkey(client.get(), key);
  if (const ASN1_OCTET_STRING* const id = X509_get0_subject_key_id(authority)) {
    const KeyIdPtr key_id(AUTHORITY_KEYID_new());
    key_id->keyid = ASN1_OCTET_STRING_dup(id);
    X509_add1_ext_i2d(client.get(), NID_authority_key_identifier, key_id.get(), 0, X509V3_ADD_DEFAULT);
  }
  AddDistributionPoints(client.get(), lists);
  SetSignature(client.get(), SignatureNid(key));
  return client;
}

}  // namespace pgtls::tls
