// Certificate revocation lists as OpenSSL keeps and finds them, in files and in hashed directories.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/tls/openssl.h"
#include "exporter/tls/x509.h"

namespace pgtls::tls {

// The revocation lists of one file.
struct ListFile {
  std::string path;
  std::vector<std::string> lists;  // DER
  // A file of ssl_crl_dir. OpenSSL opens HASH.r0, HASH.r1 … of an issuer's name until one is missing; OpenSSL 3.0
  // also stops at one that it cannot load.
  bool hashed = false;
  bool whole = true;  // false: some of it could not be read
};

enum class ListScope {
  kAuthority,      // of an authority in ssl_ca_file
  kUnknownIssuer,  // of the server's settings, but its issuer is not in ssl_ca_file: it counts for clients that send
                   // the issuer's certificate along
  kConfigured      // of the exporter's configuration: its users are not known
};

// The list that decides about an issuer.
struct ListInForce {
  std::string path;
  std::string issuer;
  // When the issuer's certificates begin, or began, to be refused because no list is in force. Absent: never, or the
  // reason is not a time.
  std::optional<std::chrono::sys_seconds> next_update;
  ListScope scope = ListScope::kAuthority;
};

// A list in ssl_crl_dir that OpenSSL never finds: its file's name is not the hash of the issuer's name, or an earlier
// number is missing.
struct ListNotFound {
  std::string path;
  std::string issuer;
  std::string expected_name;  // "1a2b3c4d.r0"
};

struct List {
  X509CrlPtr crl;
  CrlFacts facts;

  bool IsOf(const X509_NAME* issuer) const { return X509_NAME_cmp(X509_CRL_get_issuer(crl.get()), issuer) == 0; }
};

// The same, decoded, without lists that cannot be decoded.
struct DecodedListFile {
  std::string path;
  bool hashed;
  bool whole;
  std::vector<List> lists;
};
std::vector<DecodedListFile> DecodeLists(const std::vector<ListFile>& files);

// "1a2b3c4d.r0": where OpenSSL looks for the lists of this issuer.
std::string HashedListName(const X509_NAME* issuer, std::size_t number);
bool IsHashedListName(std::string_view name);

// The files of ssl_crl_dir that OpenSSL opens for this issuer, in its order. They are those of `files`.
std::vector<const DecodedListFile*> HashedFilesOf(const X509_NAME* issuer, const std::vector<DecodedListFile>& files);
std::vector<ListNotFound> ListsNotFound(const std::vector<DecodedListFile>& files);

// Whether releases of OpenSSL differ about a list of one of these authorities. OpenSSL 3.0 takes a delta list for a
// whole one, 3.5 does not. Of an authority that signed itself OpenSSL needs a list that is not for user certificates
// alone; 3.6 does not.
bool ReleasesDiffer(const std::vector<ListFile>& files, const Chain& authorities);

struct PlacedList {
  const CrlFacts* facts;
  const std::string* path;
};
// Returns the list of one issuer that ends the period, without a gap from now on, in which some list is in force; if
// none is in force, the one that ended last. Its next_update is absent if one has no end, or none has begun. REQUIRES:
// `lists` is not empty.
ListInForce LatestOf(const std::vector<PlacedList>& lists, std::chrono::sys_seconds now, ListScope scope);

// One for each issuer, by the lists alone. Hashed files of one directory are taken together, others
// each for itself.
std::vector<ListInForce> LatestLists(const std::vector<ListFile>& files, std::chrono::sys_seconds now, ListScope scope);

}  // namespace pgtls::tls
