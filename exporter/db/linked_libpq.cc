#include "exporter/db/linked_libpq.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <iterator>

namespace pgtls::db {
namespace {

struct Option {
  std::string_view name;
  int since;
};
// Options of releases after 15 (the release notes of libpq).
constexpr Option kNewer[] = {
    {"gssdelegation", 16},       {"load_balance_hosts", 16},   {"require_auth", 16},         {"sslcertmode", 16},
    {"sslnegotiation", 17},      {"max_protocol_version", 18}, {"min_protocol_version", 18}, {"oauth_client_id", 18},
    {"oauth_client_secret", 18}, {"oauth_issuer", 18},         {"oauth_scope", 18},          {"scram_client_key", 18},
    {"scram_server_key", 18},    {"sslkeylogfile", 18},        {"oauth_ca_file", 19},        {"servicefile", 19},
};

}  // namespace

int LibpqMajor() { return PQlibVersion() / 10000; }

std::optional<int> FirstLibpqWith(std::string_view option) {
  const auto* const found = std::ranges::find(kNewer, option, &Option::name);
  return found == std::end(kNewer) ? std::nullopt : std::optional(found->since);
}

std::string NeedsLibpq(std::string_view what, int major) {
  return fmt::format("{} needs libpq {}, and this program runs with libpq {}", what, major, LibpqMajor());
}

}  // namespace pgtls::db
