#include "exporter/tls/revocation_lists.h"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <map>
#include <utility>

namespace pgtls::tls {

using std::chrono::sys_seconds;

std::vector<DecodedListFile> DecodeLists(const std::vector<ListFile>& files) {
  std::vector<DecodedListFile> result;
  for (const ListFile& file : files) {
    DecodedListFile& decoded = result.emplace_back(file.path, file.hashed, file.whole, std::vector<List>());
    for (const std::string& der : file.lists) {
      const auto* data = reinterpret_cast<const unsigned char*>(der.data());
      X509CrlPtr crl(d2i_X509_CRL(nullptr, &data, static_cast<long>(der.size())));
      if (crl == nullptr) continue;
      CrlFacts facts = FactsOf(crl.get());
      decoded.lists.push_back({std::move(crl), std::move(facts)});
    }
  }
  return result;
}

std::string HashedListName(const X509_NAME* issuer, std::size_t number) {
  return fmt::format("{:08x}.r{}", X509_NAME_hash_ex(issuer, nullptr, nullptr, nullptr), number);
}

bool IsHashedListName(std::string_view name) {
  return name.size() > 10 && name.find_first_not_of("0123456789abcdef") == 8 && name.substr(8, 2) == ".r" &&
         name.find_first_not_of("0123456789", 10) == std::string_view::npos;
}

std::vector<const DecodedListFile*> HashedFilesOf(const X509_NAME* issuer, const std::vector<DecodedListFile>& files) {
  std::vector<const DecodedListFile*> found;
  for (;;) {
    const std::string name = "/" + HashedListName(issuer, found.size());
    const auto next = std::ranges::find_if(
        files, [&name](const DecodedListFile& file) { return file.hashed && file.path.ends_with(name); });
    if (next == files.end()) return found;
    found.push_back(&*next);
    if (!next->whole || next->lists.empty()) return found;  // OpenSSL opens no further one
  }
}

std::vector<ListNotFound> ListsNotFound(const std::vector<DecodedListFile>& files) {
  std::vector<ListNotFound> result;
  for (const DecodedListFile& file : files) {
    for (const List& list : file.lists) {
      if (!file.hashed) continue;
      const X509_NAME* const issuer = X509_CRL_get_issuer(list.crl.get());
      const auto opened = HashedFilesOf(issuer, files);
      if (std::ranges::find(opened, &file) != opened.end()) continue;
      result.push_back({file.path, list.facts.issuer, HashedListName(issuer, opened.size())});
    }
  }
  return result;
}

namespace {

using ScopePtr = std::unique_ptr<ISSUING_DIST_POINT, OpensslDeleter<ISSUING_DIST_POINT_free>>;

bool IsDelta(const X509_CRL* list) { return X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0; }

bool IsForUsersAlone(const X509_CRL* list) {
  const ScopePtr scope(
      static_cast<ISSUING_DIST_POINT*>(X509_CRL_get_ext_d2i(list, NID_issuing_distribution_point, nullptr, nullptr)));
  return scope != nullptr && scope->onlyuser > 0;
}

bool SignedItself(const X509* certificate) {
  return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
}

}  // namespace

bool ReleasesDiffer(const std::vector<ListFile>& files, const Chain& authorities) {
  for (const DecodedListFile& file : DecodeLists(files)) {
    for (const List& list : file.lists) {
      const bool delta = IsDelta(list.crl.get());
      const bool for_users = IsForUsersAlone(list.crl.get());
      for (const SharedX509& authority : authorities) {
        if (!list.IsOf(X509_get_subject_name(authority.get()))) continue;
        if (delta || (for_users && SignedItself(authority.get()))) return true;
      }
    }
  }
  return false;
}

namespace {

std::optional<sys_seconds> EndOf(const std::vector<PlacedList>& lists, sys_seconds now) {
  sys_seconds end = now;
  for (bool longer = true; longer;) {
    longer = false;
    for (const PlacedList& list : lists) {
      if (list.facts->this_update > end) continue;
      if (!list.facts->next_update) return std::nullopt;
      if (*list.facts->next_update <= end) continue;
      end = *list.facts->next_update;
      longer = true;
    }
  }
  if (end > now) return end;
  std::optional<sys_seconds> last;
  for (const PlacedList& list : lists) {
    if (list.facts->next_update <= now) last = std::max(last, list.facts->next_update);
  }
  return last;
}

}  // namespace

ListInForce LatestOf(const std::vector<PlacedList>& lists, sys_seconds now, ListScope scope) {
  const auto end = EndOf(lists, now);
  auto last = std::ranges::find(lists, end, [](const PlacedList& list) { return list.facts->next_update; });
  if (last == lists.end()) last = lists.begin();
  return {*last->path, last->facts->issuer, end, scope};
}

std::vector<ListInForce> LatestLists(const std::vector<ListFile>& files, sys_seconds now, ListScope scope) {
  const std::vector<DecodedListFile> decoded = DecodeLists(files);
  std::map<std::pair<std::string, std::string>, std::vector<PlacedList>> places;
  for (const DecodedListFile& file : decoded) {
    const std::size_t name = file.path.rfind('/') + 1;
    const bool hashed = IsHashedListName(std::string_view(file.path).substr(name));
    for (const List& list : file.lists) {
      places[{hashed ? file.path.substr(0, name) : file.path, list.facts.issuer}].push_back({&list.facts, &file.path});
    }
  }
  std::vector<ListInForce> result;
  for (const auto& [place, lists] : places) result.push_back(LatestOf(lists, now, scope));
  return result;
}

}  // namespace pgtls::tls
