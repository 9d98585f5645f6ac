#include "exporter/wire/wire_client.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <asio.hpp>
#include <cstdlib>
#include <set>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/base/host_port.h"
#include "exporter/base/resolve.h"
#include "exporter/base/text.h"
#include "exporter/db/keywords.h"
#include "exporter/tls/hosts_file.h"
#include "exporter/tls/openssl.h"

namespace pgtls::wire {
namespace {

// Each costs a handshake, and all of them one half of a collection's time.
constexpr std::size_t kMostNames = 64;

// A host and port of which the address may not be known yet.
struct Wanted {
  std::string host;     // may be empty
  std::string address;  // numeric; empty: resolve `host`
  std::string port;
};

bool IsSocketDirectory(const Wanted& wanted) {
  return wanted.address.empty() &&
         (wanted.host.empty() || wanted.host.starts_with('/') || wanted.host.starts_with('@'));
}

// The conninfo's hosts, before anything connected: libpq's lists of host, hostaddr and port.
std::vector<Wanted> HostsOf(const db::Target& target) {
  const auto hosts = SplitList(target.option("host"), ',');
  const auto addresses = SplitList(target.option("hostaddr"), ',');
  const auto ports = SplitList(target.option("port"), ',');
  std::vector<Wanted> all;
  for (std::size_t i = 0; i < std::max(hosts.size(), addresses.size()); ++i) {
    Wanted wanted;
    if (i < hosts.size()) wanted.host = hosts[i];
    if (i < addresses.size()) wanted.address = addresses[i];
    wanted.port = i < ports.size() ? ports[i] : ports[0];
    if (wanted.port.empty()) wanted.port = "5432";
    all.push_back(std::move(wanted));
  }
  return all;
}

std::vector<Wanted> WhereTo(const sampling::Context& context) {
  if (const auto& endpoint = context.server.endpoint) return {{endpoint->host, "", std::to_string(endpoint->port)}};
  if (!context.peer) return HostsOf(context.target);
  const db::Peer& peer = *context.peer;
  if (!peer.address) return {{"", "", ""}};
  // With hostaddr alone libpq's PQhost is the address, but there is no name for a certificate to bear.
  const bool named = !context.target.option("host").empty();
  const ZonedAddress address{*peer.address, peer.zone};
  return {{named ? peer.host : "", address.ToString(), std::to_string(peer.port)}};
}

// Blocks.
std::vector<WireClient::Place> PlacesOf(const std::vector<Wanted>& all, bool sni) {
  std::vector<WireClient::Place> places;
  std::string failure = "no address";
  for (const Wanted& wanted : all) {
    if (IsSocketDirectory(wanted)) continue;
    const bool numeric = !wanted.address.empty();
    try {
      for (const auto& address : Resolve(numeric ? wanted.address : wanted.host, wanted.port, numeric)) {
        places.push_back({{address, sni ? wanted.host : ""}, wanted.host});
      }
    } catch (const Error& error) {
      failure = error.what();
    }
  }
  if (places.empty()) throw Error(FailureReason::kConnection, failure);
  return places;
}

// pqGetHomeDirectory.
std::string HomeDirectory() {
  const char* const home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (home != nullptr && *home != '\0') return home;
  passwd entry{};
  passwd* found = nullptr;
  std::string buffer(16384, '\0');
  getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? "" : found->pw_dir;
}

std::string FileOption(const db::Target& target, std::string_view name, std::string_view default_name) {
  const std::string& value = target.option(name);
  if (!value.empty()) return value;
  const std::string home = HomeDirectory();
  return home.empty() ? "" : fmt::format("{}/.postgresql/{}", home, default_name);
}

// 0: it exists, as libpq asks it.
int StatError(const std::string& path) {
  struct stat status{};
  if (path.empty()) return ENOENT;
  return stat(path.c_str(), &status) == 0 ? 0 : errno;
}

// Runs what fails where libpq's own preparation of TLS fails.
template <typename Load>
void Guarded(WireClient& client, Load load) {
  try {
    load();
  } catch (const TlsError& error) {
    client.usable = false;
    client.problem += (client.problem.empty() ? "" : "; ") + std::string(error.what());
  }
}

void LoadRoot(const db::Target& target, WireClient& client) {
  const std::string& named = target.option("sslrootcert");
  if (named == "system") {
    client.weakest = tls::SslMode::kVerifyFull;
    client.root_file = "the system's root certificates";
    client.root = tls::RootCertificate::kUnusable;
    Guarded(client, [&] {
      client.trust = tls::TrustStore::System();
      client.root = tls::RootCertificate::kLoaded;
    });
    return;
  }
  const std::string root = FileOption(target, "sslrootcert", "root.crt");
  const int root_error = StatError(root);
  if (root_error != 0) {
    if (!named.empty()) client.root_problem = ProblemOf({root_error, std::generic_category()});
    return;
  }
  client.root_file = root;
  client.root_is_default = named.empty();
  client.root = tls::RootCertificate::kUnusable;
  std::string crl = target.option("sslcrl");
  const std::string& crl_directory = target.option("sslcrldir");
  if (crl.empty() && crl_directory.empty()) crl = FileOption(target, "sslcrl", "root.crl");
  Guarded(client, [&] {
    client.trust = tls::TrustStore::LoadShared(root, crl, crl_directory);
    client.root = tls::RootCertificate::kLoaded;
  });
}

// sslpassword is not kept in `target`.
void LoadIdentity(const db::Target& target, const std::string& conninfo, WireClient& client) {
  const std::string& mode = target.option("sslcertmode");
  const std::string certificate = FileOption(target, "sslcert", "postgresql.crt");
  if (mode == "disable" || StatError(certificate) != 0) return;
  client.certificate_file = certificate;
  Guarded(client, [&] {
    client.identity = tls::ClientIdentity::Load(certificate, FileOption(target, "sslkey", "postgresql.key"),
                                                db::OwnValue(conninfo, "sslpassword"));
  });
}

// initialize_SSL's preparation (fe-secure-openssl.c). Options that libpq does not know are not in `target`. Blocks.
void LoadFiles(const db::Target& target, const std::string& conninfo, WireClient& client) {
  Guarded(client, [&] {
    client.context =
        tls::LibpqContext(target.option("ssl_min_protocol_version"), target.option("ssl_max_protocol_version"));
  });
  client.demands = {target.option("require_auth"), target.option("sslcertmode") == "require"};
  client.direct = target.option("sslnegotiation") == "direct";
  if (client.direct) client.weakest = tls::SslMode::kRequire;
  LoadRoot(target, client);
  LoadIdentity(target, conninfo, client);
}

asio::awaitable<tls::TlsResult> ProbeAsLibpq(const WireClient& client, const tls::WireTarget& target,
                                             Deadline deadline) {
  const tls::ContextPtr context = client.context == nullptr ? tls::PermissiveContext() : client.context;
  co_return co_await tls::ProbeTls(target, {.context = context, .direct = client.direct}, deadline);
}

// The second handshake, where it is of use. A name that is refused is refused to everybody.
asio::awaitable<void> ShowMore(const WireClient& client, const tls::WireTarget& target, Deadline deadline,
                               Handshakes& look) {
  look.shown = look.as_libpq;
  look.answer = look.as_libpq.answer;
  const auto handshake = look.as_libpq.handshake;
  const bool failed =
      handshake && handshake != tls::Handshake::kFinished && look.as_libpq.alert != SSL_AD_UNRECOGNIZED_NAME;
  if (!failed && !(client.direct && look.as_libpq.reachable)) co_return;
  const tls::TlsProbe everything = {.context = tls::PermissiveContext()};
  const auto second = co_await tls::ProbeTls(target, everything, deadline);
  if (client.direct) look.answer = second.answer;
  if (failed && second.handshake == tls::Handshake::kFinished) look.shown = second;
}

// The names of the configuration and, as far as they were read, of pg_hosts.conf.
void FindNames(const sampling::Context& context, WireClient& client) {
  client.names = context.server.endpoint_names;
  const auto hosts = context.facts().Get<tls::HostsFile>();
  const std::vector<tls::HostEntry> entries = hosts ? hosts->entries : std::vector<tls::HostEntry>();
  std::set<std::string> known;
  for (const std::string& name : client.names) known.insert(Lower(name));
  for (const tls::HostEntry& entry : entries) {
    if (!IsHostName(entry.host) || !known.insert(Lower(entry.host)).second) continue;
    client.more_names = client.names.size() == kMostNames;
    if (client.more_names) break;
    client.names.push_back(entry.host);
  }
  if (!client.names.empty() || !entries.empty()) client.names.emplace_back(tls::kWithoutSni);
}

bool OffersTls(const WireClient& client, const Handshakes& look) {
  return look.answer == tls::Answer::kYes || (client.direct && look.shown.handshake);
}

// What LookAtNames() tries at `target`.
std::vector<std::string> NamesAt(const WireClient& client, const tls::WireTarget& target) {
  std::vector<std::string> names;
  for (const std::string& name : client.names) {
    const bool is_own = name == tls::kWithoutSni ? !tls::SendsSni(target.host) : Lower(name) == Lower(target.host);
    if (!is_own) names.push_back(name);
  }
  return names;
}

// Null if there is none.
const NameLook* RefusedWithoutSni(const std::vector<NameLook>* known) {
  if (known == nullptr) return nullptr;
  const auto found = std::ranges::find(*known, tls::kWithoutSni, &NameLook::host);
  const bool refused = found != known->end() && found->shown.handshake == tls::Handshake::kRefusedByServer;
  return refused ? &*found : nullptr;
}

}  // namespace

asio::awaitable<std::optional<WireClient>> MakeWireClient(sampling::Context& context) {
  const std::vector<Wanted> wanted = WhereTo(context);
  if (IsSocketDirectory(wanted.front())) co_return std::nullopt;
  // The work may outlive this coroutine, and must own what it touches.
  std::function<std::vector<WireClient::Place>()> resolve = [wanted, sni = context.target.option("sslsni") != "0"] {
    return PlacesOf(wanted, sni);
  };
  // An address is no name: its turn is not behind names that hang.
  const bool named = std::ranges::any_of(wanted, [](const Wanted& one) { return one.address.empty(); });
  std::vector<WireClient::Place> places;
  if (named) {
    places = co_await context.blocking.RunWaiting(std::move(resolve));
  } else {
    places = resolve();
  }
  std::function<WireClient()> load = [target = context.target, conninfo = context.server.conninfo] {
    WireClient files;
    LoadFiles(target, conninfo, files);
    return files;
  };
  WireClient client = co_await context.blocking.Run(std::move(load));
  client.places = std::move(places);
  FindNames(context, client);
  client.elsewhere = context.server.endpoint.has_value();
  client.user = context.peer ? context.peer->user : context.target.option("user");
  client.database = context.peer ? context.peer->database : context.target.option("dbname");
  if (client.database.empty()) client.database = client.user;
  co_return client;
}

Deadline Share(Deadline deadline, int shares) {
  const Deadline now = std::chrono::steady_clock::now();
  return now + (deadline - now) / shares;
}

asio::awaitable<WireLook> LookAt(const WireClient& client, Deadline deadline) {
  WireLook look;
  for (std::size_t i = 0; i < client.places.size() && !look.as_libpq.reachable; ++i) {
    const int shares = static_cast<int>(client.places.size() - i) + 1;
    look.place = i;
    look.as_libpq = co_await ProbeAsLibpq(client, client.places[i].target, Share(deadline, shares));
  }
  co_await ShowMore(client, client.places[look.place].target, deadline, look);
  co_return look;
}

asio::awaitable<std::vector<NameLook>> LookAtNames(const WireClient& client, const WireLook& look,
                                                   const std::vector<NameLook>* known, Deadline deadline) {
  std::vector<NameLook> looks;
  if (!OffersTls(client, look)) co_return looks;
  tls::WireTarget target = client.places[look.place].target;
  const std::vector<std::string> names = NamesAt(client, target);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (const NameLook* const refusal = names[i] == tls::kWithoutSni ? RefusedWithoutSni(known) : nullptr) {
      looks.push_back(*refusal);
      continue;
    }
    target.host = names[i] == tls::kWithoutSni ? "" : names[i];
    const int shares = static_cast<int>(names.size() - i);
    const Deadline turn = Share(deadline, shares);
    NameLook& one = looks.emplace_back();
    one.host = names[i];
    one.as_libpq = co_await ProbeAsLibpq(client, target, Share(turn, 2));
    co_await ShowMore(client, target, turn, one);
  }
  co_return looks;
}

const WireLook* RecentLook(const WireObservation* known, const WireClient& client, std::chrono::nanoseconds age) {
  if (known == nullptr || std::chrono::steady_clock::now() - known->made > age) return nullptr;
  const bool same_target = std::ranges::any_of(
      client.places, [known](const WireClient::Place& place) { return place.target == known->target; });
  if (!same_target) return nullptr;
  const auto names = OffersTls(client, known->look) ? NamesAt(client, known->target) : std::vector<std::string>();
  return std::ranges::equal(known->look.names, names, {}, &NameLook::host) ? &known->look : nullptr;
}

}  // namespace pgtls::wire
